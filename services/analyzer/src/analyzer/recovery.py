"""Whether what fell has come back: the alarm's own question turned round, asked of what is in use now."""

from dataclasses import dataclass, replace
from typing import Any

from analyzer.detection import Kind, Settings, State
from analyzer.detection import Recovery as Watch
from analyzer.detection.intervals import share_of
from analyzer.detection.switch import Reference

ANEW = 500
"""After so many values, then twice as many and so on, the question is asked anew: values of a long bad while must not
outvote those of a fix."""
LEAD = 25
"""So many values in a row, at most, are needed until another version or model counts as the one in use."""
_TWICE = 2.0
_EXACT = 10**9


@dataclass(slots=True)
class InUse:
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
    def load(cls, state: list[Any]) -> "InUse":
        """What `dump` wrote."""
        return cls(*state)


@dataclass(slots=True)
class Recovery:
    """Evidence that the mean is not below `reference`, or by less than the floor, from the version and model in use.

    The null hypothesis is what the alarm said of the baseline that was measured then: so that one counts as exact.
    It is asked anew when another version or model comes into use, and after 500, 1,000, 2,000 … values; each asking
    errs with a chance of at most alpha.
    """

    kind: Kind
    settings: Settings
    reference: State
    _watch: Watch | None = None
    _n: int = 0
    _until: int = ANEW

    @classmethod
    def of(cls, kind: Kind, settings: Settings, reference: State, mean: float) -> "Recovery":
        """Begins; `mean` is the baseline's, and `reference` says how values are spread."""
        exact = replace(Reference(*reference), n=_EXACT, mean=mean, raw=mean)
        return cls(kind, settings, exact.dump())

    @property
    def level(self) -> float:
        """What the mean must be above."""
        return Reference(*self.reference).mean - self.settings.floor

    def restart(self) -> None:
        """Asks anew: another version or model is in use."""
        self._begin(ANEW)

    def take(self, value: float) -> bool:
        """Takes a value; whether the null hypothesis is refuted with it, by enough values."""
        watch = self._watch
        if watch is None or self._n >= self._until:
            watch = self._begin(2 * self._until if watch else ANEW)
        self._n += 1
        return watch.observe(value)

    def _begin(self, until: int) -> Watch:
        self._n, self._until = 0, until
        self._watch = Watch(self.kind, self.settings, self.reference)
        return self._watch

    def dump(self) -> list[Any]:
        return [self.kind, self.reference, self._watch.dump() if self._watch else None, self._n, self._until]

    @classmethod
    def load(cls, settings: Settings, state: list[Any]) -> "Recovery":
        """The recovery that `dump` wrote."""
        kind, reference, watch, n, until = state
        return cls(kind, settings, reference, Watch.load(watch, settings) if watch else None, n, until)


@dataclass(slots=True)
class Calm:
    """Whether bad events are rare again: at most twice the `agreed` rate, by an exact interval that may be watched.

    Without an agreed rate: none of the last `minimum` values was bad. Counted anew with each version or model.
    """

    agreed: float | None
    minimum: int
    n: int = 0
    bad: int = 0

    def restart(self) -> None:
        """Counts anew: another version or model is in use."""
        self.n = self.bad = 0

    def take(self, value: float) -> bool:
        """Takes a value (below a half: bad); whether it is calm with it."""
        bad = value < 0.5
        if bad and self.agreed is None:
            self.restart()
        self.n += 1
        self.bad += bad
        if self.n < self.minimum or bad:
            return False
        return self.agreed is None or share_of(self.n, self.bad).high <= _TWICE * self.agreed

    def dump(self) -> list[Any]:
        return [self.agreed, self.minimum, self.n, self.bad]

    @classmethod
    def load(cls, state: list[Any]) -> "Calm":
        """The recovery that `dump` wrote."""
        return cls(*state)
