"""The state of one stream: of constant size, O(1) a value, and the same after a restart as without one."""

import json
from dataclasses import dataclass, field
from typing import Any

from analyzer.model import Detector, Memory, Reading, StreamKey
from analyzer.samples import Worst
from analyzer.sums import Sums
from analyzer.window import Window

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a stream is compared with: the values of `identity` up to the moment when the watch began."""

    identity: str
    sums: Sums
    model: str | None

    def dump(self) -> list[Any]:
        return [self.identity, self.sums.dump(), self.model]

    @classmethod
    def load(cls, state: list[Any]) -> "Baseline":
        return cls(state[0], Sums(*state[1]), state[2])


@dataclass(slots=True)
class Watch:
    """A running comparison with a baseline.

    Values of executions before `after` are not part of it. `stage` counts the baselines that the stream took from
    itself, 0 being another version's. `cleared` names the last resolved regression that this watch knows of.
    """

    baseline: Baseline
    reference: Memory
    alpha: float
    evidence: Memory
    worst: Worst
    stage: int = 0
    after: float = 0.0
    cleared: str = ""
    window: Window = field(default_factory=Window)

    def observe(self, detector: Detector, value: float, reading: Reading) -> None:
        """Takes a value that is measured for the first time."""
        if reading.at < self.after:
            return
        detector.observe(self.evidence, value)
        if self.window.add(value, reading.at, reading.model):
            self.worst.prune(self.window.start)
        if value < self.baseline.sums.mean:
            self.worst.add(value, reading.at, reading.execution_id)

    def correct(self, reading: Reading) -> None:
        """Takes a value in the place of a former one: means change, evidence stays as it was won."""
        if reading.at < self.after:
            return
        self.window.correct(reading.former, reading.value, reading.at)
        self.worst.drop(reading.execution_id)
        if reading.value is not None and reading.value < self.baseline.sums.mean:
            self.worst.add(reading.value, reading.at, reading.execution_id)

    def restart(self, detector: Detector, after: float, cleared: str) -> None:
        """Begins anew against the same baseline, with what runs from `after` on."""
        self.evidence = detector.watch(self.reference, self.alpha)
        self.window, self.worst = Window(), Worst(self.worst.size)
        self.after, self.cleared = after, cleared

    def dump(self) -> list[Any]:
        return [
            self.baseline.dump(),
            self.reference,
            self.alpha,
            self.evidence,
            [self.worst.size, self.worst.kept],
            self.stage,
            self.after,
            self.cleared,
            self.window.dump(),
        ]

    @classmethod
    def load(cls, state: list[Any]) -> "Watch":
        baseline, reference, alpha, evidence, worst, stage, after, cleared, window = state
        kept = [(value, at, execution_id) for value, at, execution_id in worst[1]]
        return cls(
            Baseline.load(baseline),
            reference,
            alpha,
            evidence,
            Worst(worst[0], kept),
            stage,
            after,
            cleared,
            Window.load(window),
        )


@dataclass(slots=True)
class Stream:
    """All that is known of one metric of one version.

    `sums` holds the latest values (a replaced one is taken back), `memory` the detector's view of the values
    as they first came. `fresh` holds what `quality.measured` has not told yet. Times are Unix times; `started`
    and `last` are by our clock, `fresh_start` and `fresh_end` by the app's.
    """

    key: StreamKey
    started: float
    memory: Memory
    sums: Sums = field(default_factory=Sums)
    last: float = 0.0
    model: str | None = None
    regressed: bool = False
    fresh: Sums = field(default_factory=Sums)
    fresh_since: float = 0.0
    fresh_start: float = 0.0
    fresh_end: float = 0.0
    watch: Watch | None = None

    @property
    def learned(self) -> int:
        """How many values the detector has seen."""
        return int(self.memory[0]) if self.memory else 0

    def count(self, reading: Reading) -> None:
        """The order-free part: sums, and the window that is told next."""
        self.sums.replace(reading.former, reading.value)
        if reading.former is None or (self.fresh.n > 0 and reading.at >= self.fresh_start):
            self._count_fresh(reading)
        if reading.received > self.last:
            self.last = reading.received
        self.model = reading.model

    def _count_fresh(self, reading: Reading) -> None:
        at = reading.at
        if self.fresh.n <= 0:
            self.fresh_since, self.fresh_start, self.fresh_end = reading.received, at, at
        self.fresh.replace(reading.former, reading.value)
        if at < self.fresh_start:
            self.fresh_start = at
        elif at > self.fresh_end:
            self.fresh_end = at

    def told(self) -> None:
        """What was fresh has been told."""
        self.fresh = Sums()

    def dump(self) -> str:
        """The state as JSON. Floats are written so that they read back exactly."""
        fresh = [*self.fresh.dump(), self.fresh_since, self.fresh_start, self.fresh_end]
        watch = self.watch.dump() if self.watch else None
        rest = [self.started, self.last, self.model, self.regressed]
        return json.dumps([FORMAT, self.memory, self.sums.dump(), *rest, fresh, watch], separators=(",", ":"))

    @classmethod
    def load(cls, key: StreamKey, state: list[Any]) -> "Stream":
        """The stream that `dump` wrote."""
        _, memory, sums, started, last, model, regressed, fresh, watch = state
        since, start, end = fresh[3:]
        return cls(
            key,
            started,
            memory,
            Sums(*sums),
            last,
            model,
            regressed,
            Sums(*fresh[:3]),
            since,
            start,
            end,
            Watch.load(watch) if watch else None,
        )
