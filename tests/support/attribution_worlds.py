"""Generated streams with a regression of known cause and unrelated changes; seeded.

The shares of routes, languages, regions, models and versions, their qualities (partly not additive over dimensions) and
the kind of value are drawn from the seed. The date of the change is passed as a detector would: with an error, and an
interval that contains the true date.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from analyzer.domain.attribution.contrasts import ChangePoint

NAMES = ("route", "language", "region", "model", "retrieval_corpus", "outcome", "prompt_version:answer")
_SPREADS = {"thumb": 0.38, "judge": 0.25, "score": 0.16}
"""The alarm occurs when the mean is about 4.5 standard errors lower; this determines the number of values after it."""
TRAFFIC = ("route", "language", "region")
Value = tuple[tuple[str | None, ...], float, float]
"""A cell, a value (0 worst, 1 best), a time."""


@dataclass(frozen=True)
class Truth:
    """The expected result: kinds (one of them if `certain`), and dimension and level of the first."""

    certain: bool
    kinds: frozenset[str]
    name: str | None = None
    level: str | None = None


@dataclass
class Fault:
    """The change: shares of levels afterwards, and drops of cells."""

    truth: Truth
    shares: dict[str, dict[str, float]] = field(default_factory=dict)
    fall: Callable[[dict[str, str]], float] = lambda _: 0.0


@dataclass
class World:
    """A target before the change."""

    rnd: random.Random
    shares: dict[str, dict[str, float]]
    offsets: dict[tuple[str, str], float]
    fall: float
    values: str

    def quality(self, levels: dict[str, str]) -> float:
        mean = 0.82 + sum(self.offsets.get(each, 0.0) for each in levels.items())
        mean += self.offsets.get((levels["route"], levels["language"]), 0.0)
        return 0.1 if levels["outcome"] == "error" else mean

    def value(self, mean: float) -> float:
        mean = min(max(mean, 0.02), 0.98)
        if self.values == "thumb":
            return float(self.rnd.random() < mean)
        score = self.rnd.betavariate(mean * 6, (1 - mean) * 6)
        return round(score * 4) / 4 if self.values == "judge" else score


def world(seed: str) -> World:
    rnd = random.Random(seed)
    shares = {
        "route": draw_shares(rnd, ["search", "chat", "summary"]),
        "language": draw_shares(rnd, ["en", "de", "fr", "ja"][: rnd.randint(2, 4)]),
        "region": draw_shares(rnd, ["eu", "us"]),
        "model": draw_shares(rnd, ["m1", "m2"][: rnd.randint(1, 2)]),
        "retrieval_corpus": {"c1": 1.0},
        "outcome": {"ok": 0.98, "error": 0.02},
        "prompt_version:answer": {"v1": 1.0},
    }
    offsets = {(name, level): rnd.gauss(0, 0.05) for name in TRAFFIC for level in shares[name]}
    offsets |= {(route, language): rnd.gauss(0, 0.02) for route in shares["route"] for language in shares["language"]}
    return World(rnd, shares, offsets, rnd.uniform(0.06, 0.1), rnd.choice(["thumb", "judge", "score"]))


def draw_shares(rnd: random.Random, levels: list[str]) -> dict[str, float]:
    """Return shares of at least about 1/7 each."""
    weights = [0.4 + rnd.random() for _ in levels]
    return {level: weight / sum(weights) for level, weight in zip(levels, weights, strict=True)}


def switch(name: str, level: str, share: float) -> Callable[[World], Fault]:
    """Return a change to a new, worse level with `share` of the traffic."""

    def fault(world: World) -> Fault:
        shares = {each: part * (1 - share) for each, part in world.shares[name].items() if share < 1} | {level: share}
        kind, _, prompt = name.partition(":")
        truth = Truth(True, frozenset({kind if name not in TRAFFIC else "traffic_mix"}), prompt or name, level)
        return Fault(truth, {name: shares}, lambda levels: world.fall / share * (levels[name] == level))

    return fault


def level_falls(name: str) -> Callable[[World], Fault]:
    """Return a change in which a large existing level gets worse."""

    def fault(world: World) -> Fault:
        level = world.rnd.choice([each for each, share in world.shares[name].items() if share <= 0.7])
        kind = "model" if name == "model" else "segment"
        part = world.fall / max(world.shares[name][level], 0.2)
        return Fault(Truth(True, frozenset({kind}), name, level), {}, lambda levels: part * (levels[name] == level))

    return fault


def upstream(world: World) -> Fault:
    """Return a change in which calls fail more often."""
    share = 0.02 + world.fall / 0.7
    return Fault(
        Truth(True, frozenset({"upstream_errors"}), "outcome", "error"), {"outcome": {"ok": 1 - share, "error": share}}
    )


def everything(world: World) -> Fault:
    return Fault(Truth(False, frozenset({"unknown"})), {}, lambda _: world.fall)


def traffic(world: World) -> Fault:
    """Return a change of traffic to a level that was worse before."""
    name = world.rnd.choice(TRAFFIC)
    level = min(world.shares[name], key=lambda each: world.shares[name][each])
    world.offsets[name, level] = min(world.offsets[name, level], 0.0) - 0.2
    part = world.shares[name][level]
    grown = part + 0.35
    shares = {each: share * (1 - grown) / (1 - part) for each, share in world.shares[name].items()} | {level: grown}
    return Fault(Truth(True, frozenset({"traffic_mix"}), name, level), {name: shares})


def together(world: World) -> Fault:
    """Return a change of prompt and model at once; one or both are worse."""
    shares = {"model": {"m9": 1.0}, "prompt_version:answer": {"v2": 1.0}}
    return Fault(Truth(False, frozenset({"prompt_version", "model"})), shares, lambda _: world.fall)


FAULTS: dict[str, Callable[[World], Fault]] = {
    "a new prompt version": switch("prompt_version:answer", "v2", 1.0),
    "a new prompt version for 40 %": switch("prompt_version:answer", "v2", 0.4),
    "a new model": switch("model", "m9", 1.0),
    "a new model for 40 %": switch("model", "m9", 0.4),
    "a new retrieval corpus": switch("retrieval_corpus", "c2", 1.0),
    "a route gets worse": level_falls("route"),
    "a language gets worse": level_falls("language"),
    "upstream errors": upstream,
    "a new language that is worse": switch("language", "xx", 0.35),
    "traffic mix only": traffic,
    "everything drops": everything,
    "two start together": together,
}
SINGLE = tuple(FAULTS)[:9]


def stream(seed: int, kind: str) -> tuple[list[Value], ChangePoint, Truth]:
    """Return about 2,500 values, one per second, 300 to 700 of them after the change."""
    made = world(f"{kind} {seed}")
    rnd, fault = made.rnd, FAULTS[kind](made)
    before, after = rnd.randint(1500, 2500), rnd.randint(300, 600)
    after = max(after, round((4.5 * _SPREADS[made.values] / made.fall) ** 2))
    error, width = rnd.gauss(0, 20), rnd.uniform(60, 120)
    at = before + max(-width, min(width, error))
    values = list(_values(made, fault, before, after))
    return values, ChangePoint(at, at - width, at + width), fault.truth


def _values(made: World, fault: Fault, before: int, after: int) -> Iterator[Value]:
    columns = {name: _column(made, fault, name, before, after) for name in NAMES}
    for number, drawn in enumerate(zip(*columns.values(), strict=True)):
        levels = dict(zip(NAMES, drawn, strict=True))
        value = made.value(made.quality(levels) - (fault.fall(levels) if number >= before else 0.0))
        yield drawn, value, float(number)


def _column(made: World, fault: Fault, name: str, before: int, after: int) -> list[str]:
    """Return the levels of one dimension. Dimensions that are not the cause also change: a new corpus may start 600
    values before the change, and the shares of regions drift.
    """
    rnd, shares = made.rnd, made.shares[name]
    if name in fault.shares:
        return pick(rnd, shares, before) + pick(rnd, fault.shares[name], after)
    if name == "region":
        n = before + after
        return ["us" if rnd.random() < shares["us"] + 0.1 * number / n else "eu" for number in range(n)]
    if name == "retrieval_corpus" and rnd.random() < 0.5:
        return ["c1"] * (before - 600) + ["c1b"] * (600 + after)
    return pick(rnd, shares, before + after)


def pick(rnd: random.Random, shares: dict[str, float], n: int) -> list[str]:
    return rnd.choices(list(shares), list(shares.values()), k=n)
