"""Contamination: cases that a candidate was made from, and those that say nearly the same, must not judge it."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.near_duplicates import find_cases_like, find_near_duplicates

ExclusionReason = Literal["origin", "bisection", "example", "dependent", "near-duplicate"]
"""Its origin is an execution that the candidate was made from; the candidate was found by a bisection on it; it nearly
equals a few-shot example; it is derived from an excluded case, or that case from it; it nearly equals an excluded
case."""
_WITHIN_ID = "-_"


@dataclass(frozen=True, slots=True)
class ExcludedCase:
    """A case that is left out of a run. `because`: the id of the execution, bisection or other case, or the slot."""

    id: str
    reason: ExclusionReason
    because: str


@dataclass(frozen=True, slots=True)
class CleanSet:
    """The cases of a set that may judge a candidate, in their order, and those that may not."""

    kept: GoldenSet
    excluded: tuple[ExcludedCase, ...]


_Edges = Mapping[str, Sequence[tuple[str, ExclusionReason]]]


def exclude_contaminated(
    golden_set: GoldenSet,
    execution_ids: Collection[str],
    unpublished: Sequence[GoldenCase] = (),
    bisected: Mapping[str, str] | None = None,
    examples: Mapping[str, Sequence[str]] | None = None,
) -> CleanSet:
    """Return a set without the cases that a candidate made from these executions has seen.

    `bisected`: ids of bisections that the candidate was found by, by the digest of each case that they used.
    `examples`: inputs of few-shot examples in the candidate or the baseline, by slot.

    Exclusion spreads: to the whole cluster of a case, to its near-duplicates, to their clusters, and so on.
    `unpublished` are other cases of the same dataset, whose ids differ: they spread it, too.
    """
    known = (*golden_set.cases, *unpublished)
    seeds = dict(_made_from(known, execution_ids)) | dict(_used_by(known, bisected or {}))
    seeds |= dict(_shown_in(known, examples or {}))
    found = _spread(seeds, _edges(known)) if seeds else {}
    excluded = tuple(found[case.id] for case in golden_set.cases if case.id in found)
    return CleanSet(GoldenSet(tuple(case for case in golden_set.cases if case.id not in found)), excluded)


def origin_names(origin: str, execution_id: str) -> bool:
    """Return whether an origin is an execution's id, or has it as a part: `execution:ID`, or a link that ends with it.

    An id within a longer id does not count.
    """
    start = origin.find(execution_id)
    while start >= 0:
        end = start + len(execution_id)
        if not _is_within_id(origin[start - 1 : start]) and not _is_within_id(origin[end : end + 1]):
            return True
        start = origin.find(execution_id, start + 1)
    return False


def _is_within_id(character: str) -> bool:
    return character.isalnum() or (character != "" and character in _WITHIN_ID)


def _made_from(cases: Sequence[GoldenCase], execution_ids: Collection[str]) -> Iterator[tuple[str, ExcludedCase]]:
    ids = sorted(each for each in execution_ids if each)
    for case in cases:
        if case.origin is None:
            continue
        execution = next((each for each in ids if origin_names(case.origin, each)), None)
        if execution is not None:
            yield case.id, ExcludedCase(case.id, "origin", execution)


def _used_by(cases: Sequence[GoldenCase], bisected: Mapping[str, str]) -> Iterator[tuple[str, ExcludedCase]]:
    for case in cases:
        if case.digest in bisected:
            yield case.id, ExcludedCase(case.id, "bisection", bisected[case.digest])


def _shown_in(cases: Sequence[GoldenCase], examples: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ExcludedCase]]:
    for slot, inputs in examples.items():
        for case_id in find_cases_like(cases, inputs):
            yield case_id, ExcludedCase(case_id, "example", slot)


def _edges(cases: Sequence[GoldenCase]) -> _Edges:
    """Return the cases that are excluded with each case, by its id."""
    edges: dict[str, list[tuple[str, ExclusionReason]]] = defaultdict(list)

    def connect(first: str, second: str, reason: ExclusionReason) -> None:
        edges[first].append((second, reason))
        edges[second].append((first, reason))

    for cluster in GoldenSet(tuple(cases)).clusters:
        for case in cluster[1:]:
            connect(cluster[0].id, case.id, "dependent")
    for pair in find_near_duplicates(cases):
        connect(pair.first, pair.second, "near-duplicate")
    return edges


def _spread(seeds: Mapping[str, ExcludedCase], edges: _Edges) -> dict[str, ExcludedCase]:
    found = dict(seeds)
    queue = deque(seeds)
    while queue:
        current = queue.popleft()
        for other, reason in edges.get(current, ()):
            if other not in found:
                found[other] = ExcludedCase(other, reason, current)
                queue.append(other)
    return found
