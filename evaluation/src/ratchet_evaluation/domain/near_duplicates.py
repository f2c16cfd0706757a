"""Near-duplicate cases of a set: pairs whose inputs share most of their character 5-grams.

Candidates come from MinHash with banding (Broder, 1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets,
chapter 3); each is verified by the exact Jaccard similarity, so a reported pair is one, and one just above the
limit may be missed.
"""

import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from ratchet.prompt.canonical import canonical_bytes
from ratchet_evaluation.domain.cases import GoldenCase

if TYPE_CHECKING:
    import numpy.typing as npt

LIMIT = 0.8
"""Smallest similarity of a near-duplicate. A pair at the limit is found with 99.9 %: 1 - (1 - 0.8^4)^16."""
_GRAM = 5
_LONG = 20
"""5-grams from which on a part of a case counts if it is within a longer text."""
_BANDS, _ROWS = 16, 4
_LARGEST_BUCKET = 200
"""A bucket of more cases is compared with its first case only: a set of one text would need all pairs."""
_PRIME = 2**61 - 1


@dataclass(frozen=True, slots=True, order=True)
class NearDuplicate:
    """Two ids of cases, in the order of the set, and the Jaccard similarity of their inputs."""

    first: str
    second: str
    similarity: float


def find_near_duplicates(cases: Sequence[GoldenCase]) -> list[NearDuplicate]:
    """Return the pairs of cases with a similarity of at least `LIMIT`, except those of one parent."""
    grams = [_grams(case) for case in cases]
    found = []
    for i, j in sorted(_candidates(grams)):
        first, second = cases[i], cases[j]
        related = first.id == second.parent or second.id == first.parent
        similarity = len(grams[i] & grams[j]) / len(grams[i] | grams[j])
        if similarity >= LIMIT and not related and (first.parent is None or first.parent != second.parent):
            found.append(NearDuplicate(first.id, second.id, round(similarity, 3)))
    return found


def find_cases_like(cases: Sequence[GoldenCase], texts: Sequence[str]) -> list[str]:
    """Return the ids of the cases that ask nearly what one of the texts says, or whose longer texts are within it.

    A text is what an app was sent, so it may have more than the question, such as articles. All pairs are compared.
    """
    grams = [grams_of(text) for text in texts]
    return [case.id for case in cases if any(_is_like(part, each) for part in _parts(case) for each in grams)]


class TextIndex:
    """Golden cases, to be asked for texts that they nearly equal, as `find_cases_like` finds them."""

    def __init__(self, cases: Sequence[GoldenCase]) -> None:
        self._parts = [part for case in cases for part in _parts(case)]

    def has_like(self, text: str) -> bool:
        """Return whether a case asks nearly what the text says."""
        grams = grams_of(text)
        return any(_is_like(part, grams) for part in self._parts)


def _is_like(part: frozenset[int], text: frozenset[int]) -> bool:
    common = len(part & text)
    return common >= LIMIT * len(part | text) or (len(part) >= _LONG and common >= LIMIT * len(part))


def _parts(case: GoldenCase) -> list[frozenset[int]]:
    """Return the 5-grams of each text that a case asks, and of all of them together."""
    texts = [value for value in (case.input, *case.variables.values()) if isinstance(value, str)]
    return [grams_of(text) for text in (*texts, *([" ".join(texts)] if len(texts) > 1 else []))]


def grams_of(text: str) -> frozenset[int]:
    """Return hashes of the 5-grams of a text; case, width and spaces of letters don't count."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return frozenset(zlib.crc32(plain[i : i + _GRAM].encode()) for i in range(max(1, len(plain) - _GRAM + 1)))


def _grams(case: GoldenCase) -> frozenset[int]:
    """Return hashes of the 5-grams of input and variables."""
    return grams_of(canonical_bytes([case.input, {**case.variables}]).decode())


def _candidates(grams: Sequence[frozenset[int]]) -> set[tuple[int, int]]:
    buckets: dict[bytes, list[int]] = defaultdict(list)
    for number, signature in enumerate(_signatures(grams)):
        for band in range(_BANDS):
            rows = signature[band * _ROWS : (band + 1) * _ROWS]
            buckets[bytes([band]) + rows.tobytes()].append(number)
    return {pair for members in buckets.values() for pair in _pairs(members)}


def _pairs(members: Sequence[int]) -> Iterable[tuple[int, int]]:
    if len(members) > _LARGEST_BUCKET:
        return ((members[0], each) for each in members[1:])
    return combinations(members, 2)


def _signatures(grams: Sequence[frozenset[int]]) -> Iterable["npt.NDArray[np.uint64]"]:
    rng = np.random.default_rng(0)  # fixed: the same set has the same pairs
    factors, offsets = rng.integers(1, 2**29, size=(2, _BANDS * _ROWS, 1), dtype=np.uint64)
    for each in grams:
        values = np.fromiter(each, dtype=np.uint64, count=len(each))
        yield ((factors * values + offsets) % np.uint64(_PRIME)).min(axis=1)
