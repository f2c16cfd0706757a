"""Whether what fell has come back: the alarm's own question turned round, asked of what is in use now."""

from dataclasses import dataclass, replace
from typing import Any

from analyzer.domain.detection import Kind, Settings, State
from analyzer.domain.detection import NonInferiorityTest as Watch
from analyzer.domain.detection.intervals import share_of

ANEW = 500
"""After so many values, then twice as many and so on, the question is asked anew: values of a long bad while must not
outvote those of a fix."""
LEAD = 25
"""So many values in a row, at most, are needed until another version or model counts as the one in use."""
_TWICE = 2.0


@dataclass(slots=True)
class CurrentVersionTracker:
    """The version and model (`label`) that most of the latest values came from; a canary's few don't change it."""

    label: str | None = None
    lead: int = 0

    def turns(self, label: str) -> bool:
        """Takes a value's label; whether that one is in use from now on, in the place of another."""
        if label == self.label:
            self.lead = min(self.lead + 1, LEAD)
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
        """What `dump` wrote."""
        return cls(*state)


@dataclass(slots=True)
class Recovery:
    """Evidence that the mean is above `proven`: that half of the drop is undone, or all but the floor if that is more.

    The null hypothesis is about the baseline and the drop that the alarm measured: they count as exact. It is asked
    anew when another version or model comes into use, and after 500, 1,000, 2,000 … values; each asking errs with a
    chance of at most alpha, and needs `least` values. Besides, the mean of the latest values must reach `level`: be
    within the floor of the baseline.
    """

    kind: Kind
    settings: Settings
    reference: State
    level: float
    proven: float
    least: int
    _watch: Watch | None = None
    n: int = 0
    _until: int = ANEW

    @classmethod
    def of(cls, kind: Kind, settings: Settings, reference: State, before: float, after: float) -> "Recovery":
        """Begins; `before` and `after` are the means that the alarm measured; `reference` says how values spread."""
        margin = max(settings.floor, (before - after) / 2.0)
        return cls(kind, settings, reference, before - settings.floor, before - margin, settings.minimum)

    def again(self, times: int) -> "Recovery":
        """A recovery from what was raised so many `times`: each time asks for twice as many values as the last."""
        return replace(self, least=min(self.least << (times - 1), ANEW))

    def restart(self) -> None:
        """Asks anew: another version or model is in use."""
        self._begin(ANEW)

    def take(self, value: float) -> bool:
        """Takes a value; whether the null hypothesis is refuted with it, by enough values."""
        watch = self._watch
        if watch is None or self.n >= self._until:
            watch = self._begin(2 * self._until if watch else ANEW)
        self.n += 1
        return watch.observe(value)

    def _begin(self, until: int) -> Watch:
        self.n, self._until = 0, until
        self._watch = Watch(self.kind, self._asked, self.reference, self.proven)
        return self._watch

    @property
    def _asked(self) -> Settings:
        return replace(self.settings, minimum=self.least)

    def dump(self) -> list[Any]:
        watch = self._watch.dump() if self._watch else None
        return [self.kind, self.reference, self.level, self.proven, self.least, watch, self.n, self._until]

    @classmethod
    def load(cls, settings: Settings, state: list[Any]) -> "Recovery":
        """The recovery that `dump` wrote."""
        kind, reference, level, proven, least, watch, n, until = state
        recovery = cls(kind, settings, reference, level, proven, least, None, n, until)
        recovery._watch = Watch.load(watch, recovery._asked) if watch else None
        return recovery


@dataclass(slots=True)
class RareEventRecovery:
    """Whether bad events are rare again: at most twice the `agreed` rate, by an exact interval that may be watched.

    Without an agreed rate: none of the last `minimum` values was bad. Counted anew with each version or model.
    """

    agreed: float | None
    minimum: int
    n: int = 0
    bad: int = 0

    def again(self, times: int) -> "RareEventRecovery":
        """A recovery from what was raised so many `times`: each time asks for twice as many values as the last."""
        return replace(self, minimum=min(self.minimum << (times - 1), ANEW))

    def restart(self) -> None:
        """Counts anew: another version or model is in use."""
        self.n = self.bad = 0

    def take(self, value: float) -> bool:
        """Takes a value (below a half: bad); whether it is calm with it."""
        bad = value < 0.5
        if bad and self.agreed is None:
            self.restart()
            return False
        self.n += 1
        self.bad += bad
        if self.n < self.minimum or bad:
            return False
        return self.agreed is None or share_of(self.n, self.bad).high <= _TWICE * self.agreed

    def dump(self) -> list[Any]:
        return [self.agreed, self.minimum, self.n, self.bad]

    @classmethod
    def load(cls, state: list[Any]) -> "RareEventRecovery":
        """The recovery that `dump` wrote."""
        return cls(*state)
