"""Direction of a metric by its name. An unknown or ambiguous name has none."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from shared.metric_catalog.definition import Direction
from shared.metric_catalog.vocabulary import (
    AFFIXES,
    AMBIGUOUS_WORDS,
    HIGHER_NAMES,
    LOWER_NAMES,
    NEGATIONS,
    NEGATIVE_MODIFIERS,
    OPINIONS,
    OPPOSITES,
    PHRASES,
    POSITIVE_MODIFIERS,
    QUALIFIERS,
    UNCLEAR,
)

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD: Final = re.compile(r"[^\W_]+")


def tokens(name: str) -> list[str]:
    """Return the words of a name: `llm.userRating_v2` has llm, user, rating, v2."""
    return [word.casefold() for word in _WORD.findall(_HUMP.sub(" ", name))]


_NEUTRAL: Final = AFFIXES | OPINIONS | QUALIFIERS | NEGATIVE_MODIFIERS | POSITIVE_MODIFIERS
_WORSE: Final = frozenset(tokens("bad poor wrong worst negative awful terrible"))
_BETTER: Final = frozenset(tokens("good great excellent perfect best ok okay fine right"))
_REJECTIONS: Final = frozenset(tokens("refused refusal rejected rejection reject"))
_KNOWN: Final = (
    AMBIGUOUS_WORDS
    | OPPOSITES
    | QUALIFIERS
    | HIGHER_NAMES
    | LOWER_NAMES
    | OPINIONS
    | NEGATIVE_MODIFIERS
    | POSITIVE_MODIFIERS
)
_LONGEST: Final = max(len(phrase.split()) for phrase in PHRASES)
_HEADS: Final = frozenset(tokens("violation error failure issue problem complaint loss distance mistake defect breach"))
"""Last words that decide the direction, whatever precedes them: `safety_violations`, `accuracy_loss`."""


@lru_cache(maxsize=4096)
def direction_of(name: str) -> Direction:
    """Return the direction of `name`: `undeclared` if it is unknown or ambiguous.

    Any word may precede a quality (`citation_accuracy`), except one that may reverse it (`avoids_bias`).
    What follows it decides: an unknown word leaves the name undeclared (`accuracy_gap`, `toxicity_filter`).
    """
    words = _counted([_singular(word) for word in tokens(name)])
    if not AMBIGUOUS_WORDS.isdisjoint(words) or words[:1] == ["1"]:
        return "undeclared"
    if "without" in words and any(_strong(word) for word in words[: words.index("without")]):
        return "undeclared"
    turned, words = _negated(words)
    marks = _marked(words)
    found, rest = [mark for _, mark in marks if mark], [word for word, mark in marks if not mark]
    if _legend(words) or (found and (_followed(marks) or _rejected(marks))):
        return "undeclared"
    if turned and not found and not OPINIONS & set(rest):
        return "undeclared"
    worse = any(word in NEGATIVE_MODIFIERS for word in rest)
    better = any(word in POSITIVE_MODIFIERS for word in rest)
    direction = _combined(found, words, rest, worse, better)
    return _flipped(direction) if turned else direction


def is_overall(name: str) -> bool:
    """Return whether `name` is a general opinion: `user_feedback`, `overall rating`."""
    words = [_singular(word) for word in tokens(name)]
    return bool(words) and all(word in OPINIONS or word in AFFIXES or _version(word) for word in words)


def _counted(words: list[str]) -> list[str]:
    """Return the words before `per`: what is counted."""
    return words[: words.index("per")] if "per" in words[1:] else words


def _followed(marks: Sequence[tuple[str, str]]) -> bool:
    """Return whether an unknown word follows the last word of known direction."""
    last = max(position for position, (_, mark) in enumerate(marks) if mark)
    return not all(_neutral(word) for word, _ in marks[last + 1 :])


def _legend(words: Sequence[str]) -> bool:
    """Return whether a name explains both ends, or numbers them: `score (1=good, 0=bad)`."""
    if _WORSE.isdisjoint(words):
        return False
    return not _BETTER.isdisjoint(words) or any(word.isdigit() for word in words)


def _neutral(word: str) -> bool:
    return word in _NEUTRAL or len(word) == 1 or _version(word)


def _rejected(marks: Sequence[tuple[str, str]]) -> bool:
    """Return whether something bad was refused, which may be right: `harmful_request_refused`."""
    known = [word for word, mark in marks if mark == "lower"]
    return len(known) > 1 and known[-1] in _REJECTIONS


def _combined(found: Sequence[str], words: Sequence[str], rest: Sequence[str], worse: bool, better: bool) -> Direction:
    kinds = set(found)
    if UNCLEAR in kinds:
        return "undeclared"
    if len(kinds) == 2:
        return "lower_is_better" if words[-1] in _HEADS else "undeclared"
    if worse and better:
        return "undeclared"
    if kinds == {"lower"}:
        if {"positive", "negative", "missing"} & set(rest):
            return "undeclared"
        return "higher_is_better" if {"low", "lower", "lack"} & set(rest) else "lower_is_better"
    if kinds == {"higher"}:
        return "lower_is_better" if worse else "higher_is_better"
    return _of_opinion(rest, worse, better)


def _of_opinion(rest: Sequence[str], worse: bool, better: bool) -> Direction:
    """Return the direction of a name without a known quality: of opinions in general, or none."""
    if worse and not {"low", "lower", "high", "missing"} & set(rest):
        return "lower_is_better"
    if better and "positive" in rest:
        return "higher_is_better"
    opinion = any(word in OPINIONS for word in rest)
    plain = all(word in OPINIONS or word in AFFIXES or _version(word) for word in rest)
    return "higher_is_better" if opinion and plain and not worse and not better else "undeclared"


def _negated(words: list[str]) -> tuple[bool, list[str]]:
    """Return whether an odd number of negations reverses the name, and its other words."""
    turned = sum(word in NEGATIONS for word in words) % 2 == 1
    kept = [word for word in words if word not in NEGATIONS]
    if len(kept) > 2 and kept[0] in OPPOSITES and kept[1] in ("of", "from", "in"):
        return not turned, kept[2:]
    end = next((position for position, word in enumerate(kept) if position and word in OPPOSITES), None)
    if end is not None and all(map(_neutral, kept[end + 1 :])):
        return not turned, kept[:end]
    if kept and (opposite := _opposite(kept)) is not None:
        return not turned, opposite
    return turned, kept


def _opposite(words: list[str]) -> list[str] | None:
    """Return the word that a prefix negates (`toxic` for `nontoxic`); None without such a prefix."""
    for position, word in enumerate(words):
        if word.startswith("non") and _strong(plain := word.removeprefix("non")) and not _strong(word):
            return [*words[:position], plain, *words[position + 1 :]]
    return None


def _marked(words: Sequence[str]) -> list[tuple[str, str]]:
    """Return the words, known phrases as one, each with its direction; "" for words that have none."""
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(words):
        for length in range(min(_LONGEST, len(words) - position), 1, -1):
            phrase = " ".join(words[position : position + length])
            if phrase in PHRASES:
                found.append((phrase, PHRASES[phrase]))
                position += length
                break
        else:
            found.append((words[position], _strong(words[position])))
            position += 1
    return found


def _strong(word: str) -> str:
    if word in OPINIONS:
        return ""
    return "lower" if word in LOWER_NAMES else "higher" if word in HIGHER_NAMES else ""


def _singular(word: str) -> str:
    """Return the known form of a word: without digits at its end, and without the plural's s."""
    plain = word if word in _KNOWN else word.rstrip("0123456789") or word
    if plain in _KNOWN or not plain.endswith("s") or plain.endswith("ss"):
        return plain
    return plain[:-1] if plain[:-1] in _KNOWN or plain[:-1] in _PARTS else plain


_PARTS: Final = frozenset(word for phrase in PHRASES for word in phrase.split())


def _version(word: str) -> bool:
    return word.isdigit() or (word[0] == "v" and word[1:].isdigit()) or word == "v"


def _flipped(direction: Direction) -> Direction:
    if direction == "undeclared":
        return direction
    return "lower_is_better" if direction == "higher_is_better" else "higher_is_better"
