"""Find the hunks of an edit that made answers worse, in as few answers of the app as possible.

Harm shows after few cases; that there is none takes many. So the hunks are halved into groups that are compared on
a limited number of cases, and only what looks worst so far gets more: a group that is worse, or looks so, is halved,
and one hunk gets twice as many cases. Once no other hunk is suspected, all that are not blamed are compared together,
once, without a limit: that comparison is needed anyway, since it clears them. If exactly one hunk is suspected, it is
made before that hunk alone is shown to be worse, because it shows that, too.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from ratchet_evaluation.domain.statistics.comparison import ComparisonResult

FIRST_LIMIT = 8
"""Independent cases of a group's first comparison; each further one has twice as many. 8 show a harm of 100 pp."""
SUSPICION = 0.7
"""Standard errors (of differences whose deviation is 1) by which a suspect is worse so far.

It decides what is compared next, and which hunk is blamed because all others were cleared; the limits of the tests do
not depend on it.
"""

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
    """`clusters` is the number of independent cases, `known` has the last result of each group.

    `groups` are disjoint, and contain each hunk that is not blamed.
    """

    probe: Probe
    clusters: int
    margin: float
    groups: list[Hunks] = field(default_factory=list)
    known: dict[Hunks, tuple[int, ProbeResult]] = field(default_factory=dict)
    probes: list[ProbeResult] = field(default_factory=list)
    causal: dict[int, ProbeResult] = field(default_factory=dict)

    def ask(self, group: Hunks, limit: int | None = None) -> ProbeResult:
        """Compare a group on at most `limit` cases, unless that was done or decided before."""
        most = min(limit or self.clusters, self.clusters)
        asked, result = self.known.get(group, (0, None))
        if result is None or (asked < most and not (result.worse or result.cleared)):
            result = ProbeResult(group, self.probe(group, most))
            self.known[group] = most, result
            self.probes.append(result)
        return result

    def halve(self, group: Hunks) -> None:
        """Replace a group by its halves, and compare each on few cases."""
        hunks = sorted(group)
        self.groups.remove(group)
        for half in (hunks[: len(hunks) // 2], hunks[len(hunks) // 2 :]):
            self.groups.append(frozenset(half))
            self.ask(self.groups[-1], FIRST_LIMIT)

    def blame_worse(self) -> None:
        """Blame each hunk that is shown to be worse; halve the groups that are, until none is left."""
        while worse := [group for group in self.groups if self.known[group][1].worse]:
            for group in worse:
                if len(group) > 1:
                    self.halve(group)
                else:
                    self.groups.remove(group)
                    self.causal |= dict.fromkeys(group, self.known[group][1])

    def list_suspects(self) -> list[Hunks]:
        """Return the groups whose difference so far is below the margin, and not by a case or two only."""
        return [group for group in self.groups if not self.known[group][1].cleared and self._is_suspect(group)]

    def _is_suspect(self, group: Hunks) -> bool:
        mean, n = self._so_far(group)
        return mean < -self.margin and mean * math.sqrt(n) < -SUSPICION

    def find_next(self) -> Hunks | None:
        """Return the undecided group that may be the worst; None if all have been compared on all cases."""
        undecided = [group for group in self.groups if self._can_continue(group)]
        return min(undecided, key=self._lowest, default=None)

    def _can_continue(self, group: Hunks) -> bool:
        asked, result = self.known[group]
        return asked < self.clusters and not result.cleared

    def _lowest(self, group: Hunks) -> float:
        mean, n = self._so_far(group)
        return mean - SUSPICION / math.sqrt(n)

    def _so_far(self, group: Hunks) -> tuple[float, int]:
        difference = self.known[group][1].comparison.difference
        return difference.mean or 0.0, max(difference.n, 1)


def bisect_hunks(count: int, probe: Probe, clusters: int, margin: float) -> BisectionResult:
    """Return which of `count` hunks made answers worse; `clusters` is the number of independent cases.

    Nothing is blamed if all hunks together do no harm. Hunks that harm only together are blamed together. Hunks that
    are worse together, with too few cases to tell which, are undecided. One that
    improves answers can hide another one that makes them worse. A hunk whose difference is below `-margin` so far is a
    suspect: if it is the only one, the others are compared without it first.
    """
    search = _Search(probe, clusters, margin)
    rest = frozenset(range(count))
    found = search.ask(rest)
    search.groups.append(rest)
    while found.worse:
        search.blame_worse()
        rest = frozenset(range(count)) - frozenset(search.causal)
        if not rest:
            break
        following = search.find_next()
        if rest != found.hunks and (following is None or not search.list_suspects()):
            found = search.ask(rest)
        elif _blame_only_suspect(search, found):
            rest = frozenset(range(count)) - frozenset(search.causal)
            found = search.ask(rest)
        elif following is not None:
            _compare_further(search, following)
        elif not _halve_undecided(search):
            return _blame_together(search, rest, found)
    return _result(search, rest, found)


def _blame_only_suspect(search: _Search, found: ProbeResult) -> bool:
    """Blame the only suspect if all hunks of `found`, but not the others of them, are worse; return whether it is."""
    suspects = search.list_suspects()
    hunks = frozenset().union(*search.groups)
    if hunks != found.hunks or len(suspects) != 1 or len(suspects[0]) > 1 or hunks == suspects[0]:
        return False
    if not search.ask(hunks - suspects[0]).cleared:
        return False
    search.groups.remove(suspects[0])
    search.causal |= dict.fromkeys(suspects[0], found)
    return True


def _compare_further(search: _Search, group: Hunks) -> None:
    """Halve a group of suspects; compare another one on twice as many cases as before."""
    if len(group) > 1 and group in search.list_suspects():
        search.halve(group)
    else:
        search.ask(group, 2 * search.known[group][0])


def _halve_undecided(search: _Search) -> bool:
    """Halve a group that all cases could not decide; return whether there is one."""
    undecided = [group for group in search.groups if len(group) > 1 and not search.known[group][1].cleared]
    if undecided:
        search.halve(undecided[0])
    return bool(undecided)


def _blame_together(search: _Search, rest: Hunks, found: ProbeResult) -> BisectionResult:
    """Return the result if hunks are worse together, and none is shown to be worse alone.

    They harm only together if each belongs to a group that is cleared; otherwise more cases are needed.
    """
    cleared = [group for group, (_, result) in search.known.items() if result.cleared]
    if not all(any(hunk in group for group in cleared) for hunk in rest):
        return _result(search, rest, found)
    search.causal |= dict.fromkeys(rest, found)
    return _result(search, frozenset(), found)


def _result(search: _Search, rest: Hunks, last: ProbeResult) -> BisectionResult:
    """Return the result; `last` is the comparison of the hunks that are not blamed."""
    causal = tuple(CausalHunk(hunk, search.causal[hunk]) for hunk in sorted(search.causal))
    undecided = rest if not last.cleared else frozenset[int]()
    return BisectionResult(causal, rest - undecided, undecided, last if causal and rest else None, tuple(search.probes))
