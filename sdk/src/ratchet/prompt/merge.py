"""Merging of two versions: what one lacks is restored, nothing of the other is removed."""

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)
V = TypeVar("V")

MAX_ITEMS = 1_000
"""Maximum length. Comparison is quadratic at worst and documents are untrusted; longer ones are not merged."""


class MergeConflict(Exception):
    """The versions differ at `where` in a way that can't be merged without removing something."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where


@dataclass(frozen=True, slots=True)
class Merged(Generic[T]):
    """A sequence with all elements of both sides in order; `removed` and `added` are relative to the good side."""

    items: tuple[T, ...]
    removed: tuple[T, ...]
    added: tuple[T, ...]


def merge_sequences(good: Sequence[T], bad: Sequence[T], where: str) -> Merged[T]:
    """Return `bad` with the items of `good` that it lacks. Raises MergeConflict where items were replaced."""
    if _within(bad, good):
        return Merged(tuple(good), _left_over(good, bad), ())
    if _within(good, bad):
        return Merged(tuple(bad), (), _left_over(bad, good))
    if max(len(good), len(bad)) > MAX_ITEMS:
        raise MergeConflict(where)
    items: list[T] = []
    removed: list[T] = []
    added: list[T] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, good, bad, autojunk=False).get_opcodes():
        if tag == "replace":
            raise MergeConflict(where)
        removed += good[i1:i2] if tag == "delete" else ()
        added += bad[j1:j2] if tag == "insert" else ()
        items += bad[j1:j2] if tag == "insert" else good[i1:i2]
    return Merged(tuple(items), tuple(removed), tuple(added))


def merge_mappings(good: Mapping[str, V], bad: Mapping[str, V], where: str) -> dict[str, V]:
    """Return `bad` with the keys of `good` that it lacks. Raises MergeConflict where the values of a key differ."""
    for key in good.keys() & bad.keys():
        if not _same(good[key], bad[key]):
            raise MergeConflict(f"{where}.{key}")
    return {**good, **bad}


def merge_values(good: V | None, bad: V | None, where: str) -> V | None:
    """Return the value that one or both sides have. Raises MergeConflict if their values differ."""
    if good is not None and bad is not None and not _same(good, bad):
        raise MergeConflict(where)
    return good if bad is None else bad


def _same(a: object, b: object) -> bool:
    # As JSON, because in Python True equals 1.
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def _within(part: Sequence[T], whole: Sequence[T]) -> bool:
    # Checked first, because difflib, which matches the longest block first, does not always find it.
    rest = iter(whole)
    return all(item in rest for item in part)


def _left_over(whole: Sequence[T], part: Sequence[T]) -> tuple[T, ...]:
    left: list[T] = []
    at = 0
    for item in whole:
        if at < len(part) and item == part[at]:
            at += 1
        else:
            left.append(item)
    return tuple(left)
