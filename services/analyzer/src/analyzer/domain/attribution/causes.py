"""Causes for the report: kind, level, explained change and evidence in words."""

from dataclasses import dataclass

from analyzer.domain.attribution.contrasts import Comparison
from analyzer.domain.attribution.hypotheses import DimensionLevel, Hypothesis, TimeSpan
from analyzer.domain.attribution.mix_shift import MixShift
from analyzer.domain.segments.dimensions import NAMELESS, NOT_GIVEN, OTHER, Level
from shared.events.quality import CauseKind

_KINDS: dict[str, CauseKind] = {
    "prompt_version": "prompt_version",
    "model": "model",
    "retrieval_corpus": "retrieval_corpus",
    "outcome": "upstream_errors",
    "judge": "judge",
}


@dataclass(frozen=True, slots=True)
class RankedCause:
    """A cause. `effect` is the change of its `n` values, `explains` its part of the total change, both on the metric's
    scale (negative is worse); `z` is the test statistic (0: not tested).

    `name`: the dimension, or the prompt of a prompt version. `before` and `after`: its levels, equal if the level
    existed before. `where`: the dimension and level that the drop is limited to, if any. `since`: interval of its
    start. `was`: the mean, on the scale, of the traffic that grew.
    """

    kind: CauseKind
    name: str | None
    before: str | None
    after: str | None
    effect: float
    explains: float
    z: float
    n: int
    evidence: str
    where: tuple[str, str] | None = None
    since: TimeSpan | None = None
    was: float | None = None


def drop_cause(comparison: Comparison, found: Hypothesis) -> RankedCause:
    """Return the cause for values that got worse."""
    kind, name, before, after = _named(comparison, found)
    where = _level_name(comparison, found.where) if found.where else None
    evidence = [f"only where {where[0]} is {where[1]}"] if where else []
    if found.upstream:
        evidence.insert(0, "calls started to fail more often at the same time")
    elif found.judged:
        evidence.insert(0, "the judge scores its anchors lower since the same time")
    elif kind == "judge":
        evidence.insert(0, "another judge scores since the same time")
    elif found.level is None:
        evidence.insert(0, "all segments got worse equally, and no recorded property changed at the same time")
    return RankedCause(
        kind=kind,
        name=name,
        before=before,
        after=after,
        effect=found.effect,
        explains=found.effect * found.n / comparison.after.n,
        z=found.z,
        n=found.n,
        evidence="; ".join(evidence),
        where=where,
        since=found.since,
    )


def traffic_cause(comparison: Comparison, mix: MixShift) -> RankedCause:
    """Return the cause for traffic that moved to a level that was worse before."""
    dimension, level = _level_name(comparison, mix.level)
    kind, name = _kind(dimension, came=True)
    return RankedCause(
        kind=kind,
        name=name,
        before=_shrunk_level(comparison, mix.level[0]),
        after=level,
        effect=comparison.mix,
        explains=comparison.mix,
        z=0.0,
        n=comparison.after.n,
        evidence=f"{dimension} {level} went from {mix.old:.0%} to {mix.now:.0%} of all values",
        since=mix.since,
        was=mix.mean,
    )


def unknown_cause(comparison: Comparison) -> RankedCause:
    """Return the cause for a drop that no hypothesis explains."""
    evidence = "the drop is significant, but no version, model, segment or traffic change alone explains it"
    return RankedCause(
        "unknown", None, None, None, comparison.within, comparison.within, 0.0, comparison.after.n, evidence
    )


def _named(comparison: Comparison, found: Hypothesis) -> tuple[CauseKind, str | None, str | None, str | None]:
    """Return kind, name, and levels before and after."""
    if found.upstream:
        return "upstream_errors", None, None, None
    if found.judged:
        return "judge", None, None, None
    if found.level is None:
        return "unknown", None, None, None
    dimension, level = _level_name(comparison, found.level)
    came = found.since is not None
    kind, name = _kind(dimension, came)
    return kind, name, _shrunk_level(comparison, found.level[0]) if came else level, level


def _kind(dimension: str, came: bool) -> tuple[CauseKind, str]:
    """Return the kind of cause of a dimension, and its name."""
    base, _, prompt = dimension.partition(":")
    return _KINDS.get(base, "traffic_mix" if came else "segment"), prompt or base


def _shrunk_level(comparison: Comparison, index: int) -> str | None:
    """Return the level whose share decreased most."""
    before, after = comparison.before, comparison.after
    shrunk = {
        level: before.share(index, level) - after.share(index, level)
        for level in before.levels(index)
        if level not in NAMELESS
    }
    level = max(shrunk, key=lambda each: shrunk[each], default=NOT_GIVEN)
    return level_text(level) if shrunk.get(level, 0.0) > 0.0 else None


def _level_name(comparison: Comparison, level: DimensionLevel) -> tuple[str, str]:
    return comparison.names[level[0]], level_text(level[1])


def level_text(level: Level) -> str:
    """Return a level for display."""
    return "other" if level is OTHER else level or "not given"
