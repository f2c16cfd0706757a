"""Differences between two prompts, word by word."""

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
"""A part of a line, and whether it differs from the other side."""

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_CONTEXT = 3
_MIN_SIMILARITY = 0.4
"""Lines with a lower ratio are shown as removed and added, not as changed."""


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line on one side; `number` counts from 1."""

    number: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class DiffRow:
    """A line of each side. `skipped` is the number of equal lines left out before it."""

    kind: Literal["same", "changed", "removed", "added"]
    before: DiffLine | None
    after: DiffLine | None
    skipped: int = 0


def diff_rows(before: Document | None, after: Document, context: int = _CONTEXT) -> list[DiffRow]:
    """Return the differences with `context` equal lines around them. `before` None counts as an empty text."""
    rows = list(_all_rows(lines_of(before), lines_of(after)))
    return list(_with_context(rows, context))


def unfilled(before: Document | None, after: Document) -> list[str]:
    """Return what `after` needs and apps of `before` don't fill in; nothing if either document is unknown."""
    try:
        return incompatibilities(parse(after), parse(before)) if before is not None else []
    except PromptError:
        return []


def foreign_template_syntax(document: Document) -> list[str]:
    """Return template syntax of other tools in a document; nothing if its schema is unknown."""
    try:
        return foreign_syntax(parse(document))
    except PromptError:
        return []


def lines_of(document: Document | None) -> list[str]:
    """Return a document as lines for reviewers; as indented JSON if its schema is unknown."""
    if document is None:
        return []
    try:
        return readable(parse(document))
    except PromptError:
        return [
            visible(line) for line in json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True).split("\n")
        ]


def _all_rows(old: Sequence[str], new: Sequence[str]) -> Iterator[DiffRow]:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "equal":
            for offset in range(i_end - i):
                line = ((old[i + offset], False),)
                yield DiffRow("same", DiffLine(i + offset + 1, line), DiffLine(j + offset + 1, line))
        else:
            yield from _different(old, new, (i, i_end), (j, j_end))


def _different(
    old: Sequence[str], new: Sequence[str], removed: tuple[int, int], added: tuple[int, int]
) -> Iterator[DiffRow]:
    (i, i_end), (j, j_end) = removed, added
    while i < i_end and j < j_end and _similar(old[i], new[j]):
        before, after = _words(old[i], new[j])
        yield DiffRow("changed", DiffLine(i + 1, before), DiffLine(j + 1, after))
        i, j = i + 1, j + 1
    for index in range(i, i_end):
        yield DiffRow("removed", DiffLine(index + 1, ((old[index], True),)), None)
    for index in range(j, j_end):
        yield DiffRow("added", None, DiffLine(index + 1, ((new[index], True),)))


def _similar(old: str, new: str) -> bool:
    return (
        difflib.SequenceMatcher(None, _WORDS.findall(old), _WORDS.findall(new), autojunk=False).ratio()
        >= _MIN_SIMILARITY
    )


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


def _with_context(rows: Sequence[DiffRow], context: int) -> Iterator[DiffRow]:
    """Yield the rows at most `context` rows from a difference, with the number of rows left out before each."""
    changes = [index for index, row in enumerate(rows) if row.kind != "same"]
    kept = sorted({near for at in changes for near in range(max(0, at - context), min(len(rows), at + context + 1))})
    last = -1
    for index in kept:
        row = rows[index]
        yield DiffRow(row.kind, row.before, row.after, index - last - 1)
        last = index
