"""Streams with known truth, and detectors for them. Seeds are fixed, so results are reproducible."""

import random
from collections.abc import Callable, Iterable
from typing import Protocol

from analyzer.domain.detection import DetectionSettings, JsonState, Monitor, ValueKind

Draw = Callable[[random.Random], float]
STATISTIC = DetectionSettings(minimum=0, floor=0.0)
"""Settings without minimum and floor: the test statistic alone."""
JUDGE = ((0.0, 0.25, 0.5, 0.75, 1.0), (0.03, 0.05, 0.12, 0.3, 0.5))


class Detector(Protocol):
    """A detector that learns from history and observes values."""

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
    """Return a generator of scores of an AR(1) process."""

    def draw(rnd: random.Random, n: int) -> list[float]:
        z, found = rnd.gauss(0.0, 1.0), []
        for _ in range(n):
            z = phi * z + rnd.gauss(0.0, (1.0 - phi * phi) ** 0.5)
            found.append(min(max(0.8 + 0.12 * z, 0.0), 1.0))
        return found

    return draw


def drawn(draw: Draw, rnd: random.Random, n: int) -> list[float]:
    return [draw(rnd) for _ in range(n)]


def first_alarm(watch: Detector, history: Iterable[float], watched: Iterable[float]) -> int | None:
    """Return the number of observed values until the first alarm, or None."""
    for value in history:
        watch.learn(value)
    return next((index for index, value in enumerate(watched, 1) if watch.observe(value)), None)


def reference(kind: ValueKind, values: Iterable[float], settings: DetectionSettings = STATISTIC) -> JsonState:
    """Return the reference of a stream of these values."""
    monitor = Monitor(kind, settings)
    for value in values:
        monitor.learn(value)
    found = monitor.reference()
    assert found is not None
    return found
