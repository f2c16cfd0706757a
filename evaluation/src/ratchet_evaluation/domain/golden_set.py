"""A golden set: cases with unique ids and contents, content-addressed, and its clusters of dependent cases."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ratchet.prompt.canonical import canonical_bytes, digest_of
from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.cases import GoldenCase

SCHEMA = "ratchet.golden-set/1"


@dataclass(frozen=True)
class GoldenSet:
    """Cases in the order of their file. Their order does not change the digest."""

    cases: tuple[GoldenCase, ...]

    @cached_property
    def digest(self) -> str:
        """The digest of all cases with everything they contain."""
        members = sorted(digest_of(canonical_bytes(case.to_json())) for case in self.cases)
        return digest_of(canonical_bytes({"schema": SCHEMA, "cases": [*members]}))

    @cached_property
    def clusters(self) -> tuple[tuple[GoldenCase, ...], ...]:
        """Cases grouped with those that they were derived from; two clusters are independent."""
        parents = {case.id: case.parent for case in self.cases}
        groups: dict[str, list[GoldenCase]] = defaultdict(list)
        for case in self.cases:
            groups[_root(case.id, parents)].append(case)
        return tuple(tuple(group) for group in groups.values())

    def shuffled_clusters(self, *salt: str) -> list[tuple[GoldenCase, ...]]:
        """Return the clusters in an order that only their contents and `salt` determine, as by chance.

        A sequential test needs an order that says nothing about the cases; files are often sorted by subject.
        """
        return sorted(
            self.clusters,
            key=lambda cluster: digest_of("\0".join([*salt, *sorted(case.digest for case in cluster)]).encode()),
        )


def check_new(case: GoldenCase, lines_by_id: Mapping[str, int], lines_by_digest: Mapping[str, int]) -> None:
    """Raise CaseError if the id or the content of a case occurred before; the error names the earlier line."""
    if case.id in lines_by_id:
        raise CaseError("id", f"is the id of line {lines_by_id[case.id]}")
    if case.digest in lines_by_digest:
        raise CaseError("case", f"has the same content as line {lines_by_digest[case.digest]}")


def parent_circle(cases: Iterable[GoldenCase]) -> str | None:
    """Return the id of a case that is derived from itself, if any."""
    parents = {case.id: case.parent for case in cases}
    for start in parents:
        seen, current = {start}, parents[start]
        while current is not None:
            if current in seen:
                return current
            seen.add(current)
            current = parents.get(current)
    return None


def _root(case_id: str, parents: Mapping[str, str | None]) -> str:
    """Return the id at the start of a chain of parents; it need not be a case of the set."""
    current = case_id
    while (parent := parents.get(current)) is not None:
        current = parent
    return current
