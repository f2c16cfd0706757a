"""Decides which of the cases that someone sends are added to a dataset."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from evaluator.domain.datasets import MAX_CASES
from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.cases import GoldenCase, parse_case
from ratchet_evaluation.domain.evaluators.catalog import check_case
from ratchet_evaluation.domain.near_duplicates import NearDuplicate, find_near_duplicates

MAX_PAIRS = 5
"""Near-duplicates that are stored of a case: those with the highest similarity among the cases before it."""


class SentCase(NamedTuple):
    """A case as it was sent: the number of its line, from 1, and its JSON value, or why that could not be read."""

    line: int
    value: object


class CaseProblem(NamedTuple):
    """Why the case of a line was not added; `field` is its path in the case."""

    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Addition:
    """What becomes of sent cases. `repeated` counts those that the dataset has already, whatever their state."""

    cases: tuple[GoldenCase, ...]
    repeated: int
    problems: tuple[CaseProblem, ...]
    near_duplicates: tuple[NearDuplicate, ...]


def select_new_cases(
    known: Sequence[GoldenCase], sent: Iterable[SentCase], is_erased: Callable[[GoldenCase], bool] | None = None
) -> Addition:
    """Return the valid cases that a dataset with the cases `known` does not have, and their near-duplicates.

    A case is invalid if its id has another content in the dataset, if it is derived from itself, or if its user
    refused this use or was erased (`is_erased`). Slow for thousands of cases: run it in a thread.
    """
    by_id, by_digest = {case.id: case for case in known}, {case.digest: case for case in known}
    added: list[GoldenCase] = []
    problems: list[CaseProblem] = []
    repeated = 0
    for line, value in sent:
        try:
            case = _valid(value)
            if is_erased is not None and is_erased(case):
                raise CaseError(
                    "origin" if case.user is None else "user", "names a user who was erased, or an execution of theirs"
                )
            if _is_known(case, by_id, by_digest):
                repeated += 1
                continue
            _check_parents(case, by_id)
            _check_room(len(by_id))
        except CaseError as error:
            problems.append(CaseProblem(line, error.field or "case", error.reason))
            continue
        added.append(case)
        by_id[case.id] = by_digest[case.digest] = case
    return Addition(tuple(added), repeated, tuple(problems), _near_duplicates(known, added))


def _valid(value: object) -> GoldenCase:
    if isinstance(value, CaseError):
        raise value
    case = parse_case(value)
    check_case(case)
    return case


def _is_known(case: GoldenCase, by_id: Mapping[str, GoldenCase], by_digest: Mapping[str, GoldenCase]) -> bool:
    """Return whether a dataset has the same case. Raises CaseError if it has one of the same id or content only."""
    same_id, same_content = by_id.get(case.id), by_digest.get(case.digest)
    if same_id is None and same_content is None:
        return False
    if same_id is not None and same_id.digest != case.digest:
        raise CaseError("id", "is the id of a case with another content: choose another id")
    if same_content is not None and same_content.id != case.id:
        raise CaseError("case", f"has the same content as the case {same_content.id}")
    return True


def _check_parents(case: GoldenCase, by_id: Mapping[str, GoldenCase]) -> None:
    current = case.parent
    while current is not None:
        if current == case.id:
            raise CaseError("parent", "is derived from this case")
        parent = by_id.get(current)
        current = None if parent is None else parent.parent


def _check_room(count: int) -> None:
    if count >= MAX_CASES:
        raise CaseError("case", f"is too many: a dataset has at most {MAX_CASES:,} cases")


def _near_duplicates(known: Sequence[GoldenCase], added: Sequence[GoldenCase]) -> tuple[NearDuplicate, ...]:
    """Return the pairs with an added case, at most `MAX_PAIRS` for each, the most similar first."""
    if not added:
        return ()
    new = {case.id for case in added}
    pairs: dict[str, list[NearDuplicate]] = defaultdict(list)
    for pair in find_near_duplicates([*known, *added]):
        if pair.second in new:
            pairs[pair.second].append(pair)
    return tuple(pair for found in pairs.values() for pair in sorted(found, key=lambda it: -it.similarity)[:MAX_PAIRS])
