"""Meanings of labels: by declaration, by the metric's name, and by the list of known words."""

import re
from collections.abc import Mapping
from typing import Final

from shared.metric_catalog.definition import NO_LABELS, Direction, Meaning
from shared.metric_catalog.metric_names import direction_of
from shared.metric_catalog.vocabulary import BAD_LABELS, GOOD_LABELS, NEGATIONS, NEUTRAL_LABELS

_SEPARATORS: Final = re.compile(r"[\s_\-/.]+")
_APPLIES: Final = frozenset({"yes", "y", "true", "1", "present", "detected", "high", "severe", "critical", "found"})
_APPLIES_NOT: Final = frozenset({"no", "n", "false", "0", "absent", "none", "low", "clean", "nothing"})
_POLARITY: Final = frozenset({"positive", "negative"})
"""Of a bad quality, a positive finding may mean either: toxicity was found, or the answer is fine."""


def normalized_label(word: str) -> str:
    """Return a label as it is compared: without case, with single spaces for separators."""
    return _SEPARATORS.sub(" ", word.strip().casefold()).strip()


def meaning_of(word: str, name: str = "", declared: Mapping[str, Meaning] = NO_LABELS) -> Meaning | None:
    """Return what the label `word` of the metric named `name` means; None if that is unknown."""
    plain = normalized_label(word)
    if plain in declared:
        return declared[plain]
    if plain in NEUTRAL_LABELS:
        return "neutral"
    direction = direction_of(name) if name else "undeclared"
    if direction == "undeclared":
        return _general(plain)
    return _named(plain, direction)


def _named(plain: str, direction: Direction) -> Meaning | None:
    """Return the meaning under a name whose direction is known: `yes` to toxicity is bad, `yes` to helpfulness good."""
    applies: Meaning = "bad" if direction == "lower_is_better" else "good"
    turned: Meaning = "good" if applies == "bad" else "bad"
    if plain in _APPLIES:
        return applies
    if plain in _APPLIES_NOT or plain in ("not detected", "not present", "not found"):
        return turned
    if plain in _POLARITY and direction == "lower_is_better":
        return None
    general = _general(plain)
    if general is not None:
        return general
    return _quality(plain)


def _quality(plain: str) -> Meaning | None:
    """Return the meaning of a word that names a quality itself, such as `toxicity` or `no bias`."""
    words = [word for word in plain.split() if word not in NEGATIONS]
    said = direction_of(plain) if len(words) == 1 else "undeclared"
    if said == "undeclared":
        return None
    return "bad" if said == "lower_is_better" else "good"


def _general(plain: str) -> Meaning | None:
    """Return the meaning that a word has under any name; a preceding negation reverses it."""
    words = plain.split()
    turned = False
    while words and words[0] in NEGATIONS:
        turned, words = not turned, words[1:]
    word = " ".join(words)
    if not turned and word.startswith("non") and word not in BAD_LABELS:
        turned, word = True, word.removeprefix("non").strip()
    good, bad = word in GOOD_LABELS, word in BAD_LABELS
    if not good and not bad:
        return None
    return "good" if good is not turned else "bad"
