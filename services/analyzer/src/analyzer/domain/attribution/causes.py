"""Causes in the reader's terms: what kind, which level, how much it explains, and the evidence in plain words."""

from dataclasses import dataclass

from analyzer.domain.attribution.contrasts import Comparison
from analyzer.domain.attribution.hypotheses import Hypothesis, Level, Span
from analyzer.domain.attribution.mix_shift import Mix
from analyzer.domain.segments.dimensions import NAMELESS, NOT_TOLD, OTHER
from shared.events.quality import CauseKind

_KINDS: dict[str, CauseKind] = {
    "prompt_version": "prompt_version",
    "model": "model",
    "retrieval_corpus": "retrieval_corpus",
    "outcome": "upstream_errors",
}


@dataclass(frozen=True, slots=True)
class RankedCause:
    """One cause. `effect` is the change of the `n` values it concerns, `explains` its part of the whole's change, both
    on the metric's scale (negative is worse); `z` says how sure it is that they changed at all (0: nothing is tested).

    `name` is the dimension, or the prompt of a prompt version; `before` and `after` are its levels: the same one, if
    it was there before. `where` is the level (dimension, level) that the fall is confined to, if any. `since` bounds
    the time at which it began. `evidence` is in words; `was` the mean that traffic moved to, on the scale.
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
    since: Span | None = None
    was: float | None = None


def fallen(comparison: Comparison, found: Hypothesis) -> RankedCause:
    """Values that fell."""
    kind, name, before, after = _named(comparison, found)
    where = _told(comparison, found.where) if found.where else None
    evidence = [f"only where {where[0]} is {where[1]}"] if where else []
    if found.upstream:
        evidence.insert(0, "calls began to fail more often at the same time")
    elif found.level is None:
        evidence.insert(0, "all got worse alike, and nothing that is known of them changed with it")
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


def mixed(comparison: Comparison, mix: Mix) -> RankedCause:
    """Traffic that moved to what was worse all along."""
    dimension, level = _told(comparison, mix.level)
    kind, name = _kind(dimension, came=True)
    return RankedCause(
        kind=kind,
        name=name,
        before=_left(comparison, mix.level[0]),
        after=level,
        effect=comparison.mix,
        explains=comparison.mix,
        z=0.0,
        n=comparison.after.n,
        evidence=f"{dimension} {level} went from {mix.old:.0%} to {mix.now:.0%} of all",
        since=mix.since,
        was=mix.mean,
    )


def unknown(comparison: Comparison) -> RankedCause:
    """What fell as a whole, while no part of it stands out."""
    evidence = "the change for the worse is beyond chance, but no version, model, segment or traffic explains it alone"
    return RankedCause(
        "unknown", None, None, None, comparison.within, comparison.within, 0.0, comparison.after.n, evidence
    )


def _named(comparison: Comparison, found: Hypothesis) -> tuple[CauseKind, str | None, str | None, str | None]:
    """Kind, name, and levels before and after."""
    if found.upstream:
        return "upstream_errors", None, None, None
    if found.level is None:
        return "unknown", None, None, None
    dimension, level = _told(comparison, found.level)
    came = found.since is not None
    kind, name = _kind(dimension, came)
    return kind, name, _left(comparison, found.level[0]) if came else level, level


def _kind(dimension: str, came: bool) -> tuple[CauseKind, str]:
    """A dimension's kind of cause, and its name there."""
    base, _, prompt = dimension.partition(":")
    return _KINDS.get(base, "traffic_mix" if came else "segment"), prompt or base


def _left(comparison: Comparison, place: int) -> str | None:
    """The level whose share shrank most."""
    before, after = comparison.before, comparison.after
    shrunk = {
        level: before.share(place, level) - after.share(place, level)
        for level in before.levels(place)
        if level not in NAMELESS
    }
    level = max(shrunk, key=lambda each: shrunk[each], default=NOT_TOLD)
    return text(level) if shrunk.get(level, 0.0) > 0.0 else None


def _told(comparison: Comparison, level: Level) -> tuple[str, str]:
    return comparison.names[level[0]], text(level[1])


def text(level: str | None) -> str:
    """A level as people read it."""
    return "other" if level is OTHER else level or "not told"
