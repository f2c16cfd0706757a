"""Streams with known truth, and the watches that are set on them. Seeds are fixed: a result is the same each time."""

import random
from collections.abc import Callable, Iterable
from typing import Protocol

from analyzer.domain.detection import DetectionSettings, JsonState, Monitor, ValueKind

Draw = Callable[[random.Random], float]
STATISTIC = DetectionSettings(minimum=0, floor=0.0)
"""The statistic by itself: no policy on top."""
JUDGE = ((0.0, 0.25, 0.5, 0.75, 1.0), (0.03, 0.05, 0.12, 0.3, 0.5))


class Watch(Protocol):
    """What is asked of any detector: to take values of history, and values under watch."""

    def learn(self, value: float) -> None: ...

    def observe(self, value: float) -> bool: ...


def beta(mean: float, concentration: float = 10.0) -> Draw:
    return lambda rnd: rnd.betavariate(mean * concentration, (1.0 - mean) * concentration)


def share(p: float) -> Draw:
    return lambda rnd: float(rnd.random() < p)


def judge(rnd: random.Random) -> float:
    return rnd.choices(*JUDGE)[0]


def latency(factor: float = 1.0) -> Draw:
    return lambda rnd: factor * rnd.lognormvariate(6.7, 0.8)


def correlated(phi: float) -> Callable[[random.Random, int], list[float]]:
    """Scores of an AR(1) process."""

    def draw(rnd: random.Random, n: int) -> list[float]:
        z, found = rnd.gauss(0.0, 1.0), []
        for _ in range(n):
            z = phi * z + rnd.gauss(0.0, (1.0 - phi * phi) ** 0.5)
            found.append(min(max(0.8 + 0.12 * z, 0.0), 1.0))
        return found

    return draw


def drawn(draw: Draw, rnd: random.Random, n: int) -> list[float]:
    return [draw(rnd) for _ in range(n)]


def first_alarm(watch: Watch, history: Iterable[float], watched: Iterable[float]) -> int | None:
    """How many watched values it took, looking after each of them."""
    for value in history:
        watch.learn(value)
    return next((index for index, value in enumerate(watched, 1) if watch.observe(value)), None)


def reference(kind: ValueKind, values: Iterable[float], settings: DetectionSettings = STATISTIC) -> JsonState:
    """The standard that a stream of these values sets."""
    monitor = Monitor(kind, settings)
    for value in values:
        monitor.learn(value)
    found = monitor.reference()
    assert found is not None
    return found
