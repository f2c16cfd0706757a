"""Two prompts beside each other, word by word (pure)."""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ratchet.prompt import PromptError, foreign_syntax, incompatibilities, parse, readable
from ratchet.sanitize import visible

Document = dict[str, Any]

Part = tuple[str, bool]
"""Some text of a line, and whether it differs from the other side."""

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_CONTEXT = 3
_ALIKE = 0.4
"""Lines that share less are shown as one gone and one come, not as one that changed."""


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line on one side; `number` counts from 1."""

    number: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class DiffRow:
    """Two lines beside each other. `skipped` counts equal lines that are left out above it."""

    kind: Literal["same", "changed", "removed", "added"]
    before: DiffLine | None
    after: DiffLine | None
    skipped: int = 0


def diff_rows(before: Document | None, after: Document, context: int = _CONTEXT) -> list[DiffRow]:
    """The differences with `context` equal lines around them; nothing before stands for an empty text."""
    found = list(_all(lines_of(before), lines_of(after)))
    return list(_near(found, context))


def unfilled(before: Document | None, after: Document) -> list[str]:
    """What apps that fill in `before` do not give to `after`; nothing where either is not known."""
    try:
        return incompatibilities(parse(after), parse(before)) if before is not None else []
    except PromptError:
        return []


def foreign(document: Document) -> list[str]:
    """Template syntax of other tools in a document; nothing where it is of a schema that is not known here."""
    try:
        return foreign_syntax(parse(document))
    except PromptError:
        return []


def lines_of(document: Document | None) -> list[str]:
    """A prompt document as lines for reviewers; as indented JSON where it is of a schema that is not known here."""
    if document is None:
        return []
    try:
        return readable(parse(document))
    except PromptError:
        return [
            visible(line) for line in json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True).split("\n")
        ]


def _all(old: Sequence[str], new: Sequence[str]) -> Iterator[DiffRow]:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "equal":
            for offset in range(i_end - i):
                line = ((old[i + offset], False),)
                yield DiffRow("same", DiffLine(i + offset + 1, line), DiffLine(j + offset + 1, line))
        else:
            yield from _different(old, new, (i, i_end), (j, j_end))


def _different(
    old: Sequence[str], new: Sequence[str], gone: tuple[int, int], come: tuple[int, int]
) -> Iterator[DiffRow]:
    (i, i_end), (j, j_end) = gone, come
    while i < i_end and j < j_end and _alike(old[i], new[j]):
        before, after = _words(old[i], new[j])
        yield DiffRow("changed", DiffLine(i + 1, before), DiffLine(j + 1, after))
        i, j = i + 1, j + 1
    for place in range(i, i_end):
        yield DiffRow("removed", DiffLine(place + 1, ((old[place], True),)), None)
    for place in range(j, j_end):
        yield DiffRow("added", None, DiffLine(place + 1, ((new[place], True),)))


def _alike(old: str, new: str) -> bool:
    return difflib.SequenceMatcher(None, _WORDS.findall(old), _WORDS.findall(new), autojunk=False).ratio() >= _ALIKE


def _words(old: str, new: str) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    left, right = _WORDS.findall(old), _WORDS.findall(new)
    before: list[Part] = []
    after: list[Part] = []
    for tag, i, i_end, j, j_end in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        differs = tag != "equal"
        if i < i_end:
            before.append(("".join(left[i:i_end]), differs))
        if j < j_end:
            after.append(("".join(right[j:j_end]), differs))
    return tuple(before), tuple(after)


def _near(found: Sequence[DiffRow], context: int) -> Iterator[DiffRow]:
    """Rows at most `context` away from a difference; each knows how many were left out before it."""
    changes = [place for place, row in enumerate(found) if row.kind != "same"]
    kept = sorted({near for at in changes for near in range(max(0, at - context), min(len(found), at + context + 1))})
    last = -1
    for place in kept:
        row = found[place]
        yield DiffRow(row.kind, row.before, row.after, place - last - 1)
        last = place
