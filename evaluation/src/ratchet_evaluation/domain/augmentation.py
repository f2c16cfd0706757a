"""Augmented cases: what is asked in other words or with typing errors, by rules that need no model and no language.

An augmented case names its parent, so both count as one independent case, and what excludes one excludes the other.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, get_args

from ratchet_evaluation.domain.cases import GoldenCase

AugmentationKind = Literal["typo", "reorder", "paraphrase"]
"""`typo`: letters swapped, dropped or doubled, as people type in a hurry. `reorder`: the sentences in another order.
`paraphrase`: another way of writing the same words: without capitals and punctuation marks at the ends."""
KINDS: tuple[AugmentationKind, ...] = get_args(AugmentationKind)
_WORD = re.compile(r"[^\W\d_]{4,}")
_SENTENCE = re.compile(r"(?<=[.!?。！？…])\s+|(?<=[。！？])")
_ENDS = re.compile(r"[.!?,;:。！？，；：…]+(?=\s|$)")
_WORDS_PER_TYPO = 6
_TAG = "augmented"


def augment_cases(cases: Sequence[GoldenCase], kinds: Sequence[AugmentationKind]) -> Iterator[GoldenCase]:
    """Yield an augmented case for each case and kind, where that changes what is asked.

    Cases that are derived from others are left out. The same case and kind always give the same augmented case.
    """
    for case in cases:
        if case.parent is None:
            for kind in kinds:
                augmented = augment_case(case, kind)
                if augmented is not None:
                    yield augmented


def augment_case(case: GoldenCase, kind: AugmentationKind) -> GoldenCase | None:
    """Return a case that asks the same otherwise; None if this kind changes nothing, or the case asks no text."""
    asked = _asked_text(case)
    if asked is None:
        return None
    field, text = asked
    written = _WRITERS[kind](text, random.Random(f"{case.digest} {kind}"))  # noqa: S311  # no secret
    if written == text or not written.strip():
        return None
    changed = {"input": written} if field is None else {"variables": {**case.variables, field: written}}
    tags = tuple(dict.fromkeys((*case.tags, _TAG, f"{_TAG}:{kind}")))
    origin = f"{_TAG}:{kind} of {case.id}"
    return replace(case, **changed, id=f"{case.id}~{kind}", tags=tags, protected=False, parent=case.id, origin=origin)


def _asked_text(case: GoldenCase) -> tuple[str | None, str] | None:
    """Return the text that is changed: the input, or else the variable with the longest text, with its name."""
    if isinstance(case.input, str) and case.input.strip():
        return None, case.input
    texts = [(name, value) for name, value in case.variables.items() if isinstance(value, str) and value.strip()]
    return max(texts, key=lambda it: (len(it[1]), it[0])) if texts and case.input in (None, "") else None


def _with_typos(text: str, rnd: random.Random) -> str:
    words = list(_WORD.finditer(text))
    chosen = rnd.sample(words, min(len(words), 1 + len(words) // _WORDS_PER_TYPO))
    for word in sorted(chosen, key=lambda it: -it.start()):
        text = text[: word.start()] + _mistyped(word.group(), rnd) + text[word.end() :]
    return text


def _mistyped(word: str, rnd: random.Random) -> str:
    """Return a word with one typing error behind its first letter."""
    at = rnd.randrange(1, len(word) - 1)
    first, second = word[at], word[at + 1]
    swapped = word[:at] + second + first + word[at + 2 :]
    dropped, doubled = word[:at] + word[at + 1 :], word[:at] + first + word[at:]
    return rnd.choice([dropped, doubled, swapped] if first != second else [dropped, doubled])


def _reordered(text: str, rnd: random.Random) -> str:
    sentences = [each.strip() for each in _SENTENCE.split(text) if each and each.strip()]
    if len(sentences) < 2:
        return text
    turned = rnd.randrange(1, len(sentences))
    return " ".join(sentences[turned:] + sentences[:turned])


def _rewritten(text: str, _: random.Random) -> str:
    return " ".join(_ENDS.sub("", text).lower().split())


_WRITERS: dict[AugmentationKind, Callable[[str, random.Random], str]] = {
    "typo": _with_typos,
    "reorder": _reordered,
    "paraphrase": _rewritten,
}
