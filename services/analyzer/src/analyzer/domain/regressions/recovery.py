"""Tests of recovery: non-inferiority of the current version and model to the baseline."""

from dataclasses import dataclass, replace
from typing import Any

from analyzer.domain.detection import DetectionSettings, JsonState, NonInferiorityTest, ValueKind
from analyzer.domain.detection.intervals import estimate_rate

RESTART_AFTER = 500
"""The test restarts after 500 values, then after 1,000, 2,000 … more, so that a long bad period does not mask a fix."""
SWITCH_AFTER = 25
"""Values in a row, at most, until another version or model counts as the one in use."""
_TWICE = 2.0


@dataclass(slots=True)
class CurrentVersionTracker:
    """The version and model (`label`) of most of the latest values; a canary's few values do not change it."""

    label: str | None = None
    lead: int = 0

    def observe(self, label: str) -> bool:
        """Add the label of a value; return whether it replaces the current label."""
        if label == self.label:
            self.lead = min(self.lead + 1, SWITCH_AFTER)
            return False
        self.lead -= 1
        if self.lead >= 0:
            return False
        self.label, self.lead = label, 0
        return True

    def dump(self) -> list[Any]:
        return [self.label, self.lead]

    @classmethod
    def load(cls, state: list[Any]) -> "CurrentVersionTracker":
        """Return the tracker that `dump` wrote."""
        return cls(*state)


@dataclass(slots=True)
class Recovery:
    """Test that the mean is above `proven`: half of the drop is recovered, or all but the floor if that is more.

    Baseline and drop are those of the alarm, taken as exact. The test restarts when another version or model comes into
    use, and after 500, 1,000, 2,000 … values; each run errs with probability at most alpha and needs `least` values. In
    addition, the mean of the latest values must reach `level`, which is within the floor of the baseline.
    """

    kind: ValueKind
    settings: DetectionSettings
    reference: JsonState
    level: float
    proven: float
    least: int
    _test: NonInferiorityTest | None = None
    n: int = 0
    _until: int = RESTART_AFTER

    @classmethod
    def from_alarm(
        cls, kind: ValueKind, settings: DetectionSettings, reference: JsonState, before: float, after: float
    ) -> "Recovery":
        """Return a new test; `before` and `after` are the means of the alarm, `reference` gives the spread."""
        margin = max(settings.floor, (before - after) / 2.0)
        return cls(kind, settings, reference, before - settings.floor, before - margin, settings.minimum)

    def require_more(self, times: int) -> "Recovery":
        """Return the test for a regression that was opened `times` times: each time needs twice as many values."""
        return replace(self, least=min(self.least << (times - 1), RESTART_AFTER))

    def restart(self) -> None:
        """Restart the test: another version or model is in use."""
        self._start(RESTART_AFTER)

    def observe(self, value: float) -> bool:
        """Add a value; return whether the null hypothesis is refuted by enough values."""
        test = self._test
        if test is None or self.n >= self._until:
            test = self._start(2 * self._until if test else RESTART_AFTER)
        self.n += 1
        return test.observe(value)

    @property
    def running(self) -> tuple[NonInferiorityTest, int] | None:
        """The running test, and how many values it takes; None if the next value starts a new one.

        Whoever adds values to the test itself also adds their number to `n`.
        """
        return None if self._test is None or self.n >= self._until else (self._test, self._until - self.n)

    def _start(self, until: int) -> NonInferiorityTest:
        self.n, self._until = 0, until
        self._test = NonInferiorityTest(self.kind, self._settings, self.reference, self.proven)
        return self._test

    @property
    def _settings(self) -> DetectionSettings:
        return replace(self.settings, minimum=self.least)

    def dump(self) -> list[Any]:
        test = self._test.dump() if self._test else None
        return [self.kind, self.reference, self.level, self.proven, self.least, test, self.n, self._until]

    @classmethod
    def load(cls, settings: DetectionSettings, state: list[Any]) -> "Recovery":
        """Return the test that `dump` wrote."""
        kind, reference, level, proven, least, test, n, until = state
        recovery = cls(kind, settings, reference, level, proven, least, None, n, until)
        recovery._test = NonInferiorityTest.load(test, recovery._settings) if test else None
        return recovery


@dataclass(slots=True)
class RareEventRecovery:
    """Test that bad events are rare again: at most twice the `agreed` rate, by an exact confidence sequence.

    Without an agreed rate: none of the last `minimum` values was bad. It restarts with each version or model.
    """

    agreed: float | None
    minimum: int
    n: int = 0
    bad: int = 0

    def require_more(self, times: int) -> "RareEventRecovery":
        """Return the test for a regression that was opened `times` times: each time needs twice as many values."""
        return replace(self, minimum=min(self.minimum << (times - 1), RESTART_AFTER))

    def restart(self) -> None:
        """Restart the count: another version or model is in use."""
        self.n = self.bad = 0

    def observe(self, value: float) -> bool:
        """Add a value (below 0.5: bad); return whether bad events are rare again."""
        bad = value < 0.5
        if bad and self.agreed is None:
            self.restart()
            return False
        self.n += 1
        self.bad += bad
        if self.n < self.minimum or bad:
            return False
        return self.agreed is None or estimate_rate(self.n, self.bad).high <= _TWICE * self.agreed

    def dump(self) -> list[Any]:
        return [self.agreed, self.minimum, self.n, self.bad]

    @classmethod
    def load(cls, state: list[Any]) -> "RareEventRecovery":
        """Return the test that `dump` wrote."""
        return cls(*state)
