"""Find the hunks of an edit that made answers worse, in as few answers of the app as possible.

Harm shows after few cases; that there is none takes many. So groups of hunks are halved and compared on a limited
number of cases, until each harmful one is isolated; then all others are compared together, once, without a limit. If
they are still worse, the limit is doubled.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ratchet_evaluation.domain.statistics.comparison import ComparisonResult

FIRST_LIMIT = 12
"""Independent cases of the first round; each further one has twice as many. 12 shows a harm of about 60 pp."""

Hunks = frozenset[int]
Probe = Callable[[Hunks, int], ComparisonResult]
"""Compares the good prompt with these hunks to the good prompt, on at most this number of independent cases."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """A comparison of the good prompt with `hunks` to the good prompt."""

    hunks: Hunks
    comparison: ComparisonResult

    @property
    def worse(self) -> bool:
        return self.comparison.conclusion == "worse"

    @property
    def cleared(self) -> bool:
        return self.comparison.conclusion in ("better", "not worse")


@dataclass(frozen=True, slots=True)
class CausalHunk:
    """A hunk that made answers worse. `shown_by` is the smallest group with it that was shown to be worse."""

    hunk: int
    shown_by: ProbeResult


@dataclass(frozen=True, slots=True)
class BisectionResult:
    """`causal` hunks made answers worse, `cleared` ones didn't by more than the margin, `undecided` need more cases.

    `restored` is the comparison of the fix, which is the bad prompt without its causal hunks; None if there is no fix,
    or if it is the good prompt.
    """

    causal: tuple[CausalHunk, ...]
    cleared: Hunks
    undecided: Hunks
    restored: ProbeResult | None
    probes: tuple[ProbeResult, ...]


@dataclass(slots=True)
class _Search:
    """`clusters` is the number of independent cases, `known` has the last result of each group."""

    probe: Probe
    clusters: int
    known: dict[Hunks, tuple[int, ProbeResult]] = field(default_factory=dict)
    probes: list[ProbeResult] = field(default_factory=list)
    causal: dict[int, ProbeResult] = field(default_factory=dict)

    def ask(self, hunks: Sequence[int], limit: int | None = None) -> ProbeResult:
        """Compare a group on at most `limit` cases, unless that was done or decided before."""
        group, most = frozenset(hunks), min(limit or self.clusters, self.clusters)
        asked, result = self.known.get(group, (0, None))
        if result is None or (asked < most and not (result.worse or result.cleared)):
            result = ProbeResult(group, self.probe(group, most))
            self.known[group] = most, result
            self.probes.append(result)
        return result

    def mean_of(self, hunk: int) -> float:
        """Return the difference so far of the smallest group with this hunk."""
        groups = [result for group, (_, result) in self.known.items() if hunk in group]
        mean = min(groups, key=lambda result: len(result.hunks)).comparison.difference.mean
        return 0.0 if mean is None else mean

    def find_harmful(self, group: Sequence[int], limit: int, known_worse: bool) -> None:
        """Blame the hunks of a group that are shown to be worse on at most `limit` cases."""
        if len(group) == 1 or not known_worse:
            found = self.ask(group, limit)
            if not found.worse:
                return
            if len(group) == 1:
                self.causal[group[0]] = found
                return
        first, second = group[: len(group) // 2], group[len(group) // 2 :]
        self.find_harmful(first, limit, known_worse=False)
        self.find_harmful(second, limit, known_worse=not any(hunk in self.causal for hunk in first))


def bisect_hunks(count: int, probe: Probe, clusters: int, margin: float) -> BisectionResult:
    """Return which of `count` hunks made answers worse; `clusters` is the number of independent cases.

    Nothing is blamed if all hunks together do no harm. Hunks that harm only together are blamed together. Hunks that
    are worse together, with too few cases to tell which, are undecided. One that
    improves answers can hide another one that makes them worse. A hunk whose difference is below `-margin` so far is a
    suspect: the others are compared without it first.
    """
    search = _Search(probe, clusters)
    rest, limit = list(range(count)), FIRST_LIMIT
    found = search.ask(rest)
    while found.worse:
        blamed = _narrow(search, rest, found, limit, margin)
        rest = [hunk for hunk in range(count) if hunk not in search.causal]
        if not rest:
            break
        if blamed:
            found = search.ask(rest)
        elif limit >= clusters:
            return _blame_together(search, rest, found)
        limit *= 2
    return _result(search, frozenset(rest), found)


def _blame_together(search: _Search, rest: Sequence[int], found: ProbeResult) -> BisectionResult:
    """Return the result if hunks are worse together, and none is shown to be worse alone.

    They harm only together if each belongs to a group that is cleared; otherwise more cases are needed.
    """
    cleared = [group for group, (_, result) in search.known.items() if result.cleared]
    if not all(any(hunk in group for group in cleared) for hunk in rest):
        return _result(search, frozenset(rest), found)
    search.causal |= dict.fromkeys(rest, found)
    return _result(search, frozenset(), found)


def _narrow(search: _Search, rest: Sequence[int], found: ProbeResult, limit: int, margin: float) -> bool:
    """Blame hunks of `rest`, which is shown to be worse by `found`; return whether any is blamed now."""
    before = len(search.causal)
    search.find_harmful(rest, limit, known_worse=True)
    if len(search.causal) > before:
        return True
    suspects = [hunk for hunk in rest if search.mean_of(hunk) < -margin]
    others = [hunk for hunk in rest if hunk not in suspects]
    if len(suspects) == 1 and others and search.ask(others).cleared:
        search.causal[suspects[0]] = found
        return True
    return False


def _result(search: _Search, rest: Hunks, last: ProbeResult) -> BisectionResult:
    """Return the result; `last` is the comparison of the hunks that are not blamed."""
    causal = tuple(CausalHunk(hunk, search.causal[hunk]) for hunk in sorted(search.causal))
    undecided = rest if not last.cleared else frozenset[int]()
    return BisectionResult(causal, rest - undecided, undecided, last if causal and rest else None, tuple(search.probes))
