"""The life of a regression: raised, resolved by the same rigour, and reopened if it comes back. One open per dimension.

An odd revision opens it, an even one resolves it.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from analyzer.domain.detection import Settings
from analyzer.domain.model import Dimension, Reading, Use
from analyzer.domain.regressions.recovery import CurrentVersionTracker, RareEventRecovery, Recovery
from analyzer.domain.segments.dimensions import Cell
from analyzer.domain.streams.recent_values import RecentValues
from analyzer.domain.streams.stream import Baseline
from analyzer.domain.streams.sums import measurement
from shared.events.quality import Cause, RegressionDetected, RegressionResolved


@dataclass(slots=True)
class Regression:
    """An aggregate: `resolved` is None while it is open.

    `recovery` and `window` are about its end: all values of the dimension of executions from `after` on, since the
    version and model that are `in_use` came into use. `good` names executions from before the change that went well,
    the latest first. `terms` are the inputs that lost, for people only: they are words of users, so no event carries
    them.
    """

    detected: RegressionDetected
    use: Use
    model: str | None
    standard: Baseline
    recovery: Recovery | RareEventRecovery
    after: float
    opened_at: datetime
    good: tuple[str, ...] = ()
    terms: tuple[dict[str, Any], ...] = ()
    window: RecentValues = field(default_factory=RecentValues)
    in_use: CurrentVersionTracker = field(default_factory=CurrentVersionTracker)
    resolved: RegressionResolved | None = None
    resolved_at: datetime | None = None
    generation: int = 0

    @property
    def id(self) -> UUID:
        return self.detected.regression_id

    @property
    def open(self) -> bool:
        return self.resolved is None

    @property
    def revision(self) -> int:
        return (self.resolved or self.detected).revision

    @property
    def times(self) -> int:
        """How often it was raised."""
        return (self.detected.revision + 1) // 2

    @property
    def name(self) -> str:
        """The regression at this revision: evidence that begins after it knows it by this."""
        return f"{self.id}/{self.revision}"

    @property
    def dimension(self) -> Dimension:
        of = self.detected
        return Dimension(of.project, of.environment, of.target, of.metric)

    def comparable(self, reading: Reading) -> bool:
        """Whether `reading` is measured by the definition that the regression was raised by."""
        metric = reading.metric
        return self.generation == metric.generation and self.detected.direction == metric.direction

    def dump(self) -> str:
        """What recovery needs, as JSON; the events are kept beside it."""
        watched = [self.standard.dump(), self.after, self.window.dump(), self.in_use.dump()]
        recovery = [isinstance(self.recovery, RareEventRecovery), self.recovery.dump()]
        return json.dumps([list(self.use), self.model, *watched, *recovery, self.generation])

    @classmethod
    def load(
        cls,
        detected: RegressionDetected,
        resolved: RegressionResolved | None,
        moments: tuple[datetime, datetime | None],
        shown: tuple[list[str], list[dict[str, Any]]],
        settings: Settings,
        state: list[Any],
    ) -> "Regression":
        """The regression that `dump` wrote; `shown` has good executions, and the terms that lost."""
        use, model, standard, after, window, in_use, calm, recovering, *generation = state
        opened_at, resolved_at = moments
        good, terms = shown
        return cls(
            detected,
            Use(*use),
            model,
            Baseline.load(standard),
            RareEventRecovery.load(recovering) if calm else Recovery.load(settings, recovering),
            after,
            opened_at,
            tuple(good),
            tuple(terms),
            RecentValues.load(window),
            CurrentVersionTracker.load(in_use),
            resolved,
            resolved_at,
            *generation,
        )


def recover(regression: Regression, reading: Reading, cell: Cell) -> bool:
    """Takes a reading of an open regression's dimension, which came from `cell`; True if that resolved it."""
    if reading.at < regression.after:
        return False
    profile, recovering = regression.standard.profile, regression.recovery
    if reading.former is not None or reading.value is None:
        former, value = (
            None if each is None else profile.residual(cell, each) for each in (reading.former, reading.value)
        )
        regression.window.correct(former, value, reading.at)
        return False
    compared, label = profile.residual(cell, reading.value), _label(regression.use.prompt, reading)
    if regression.in_use.turns(label):
        regression.window = RecentValues()
        recovering.restart()
    regression.window.add(compared, reading.at)
    if isinstance(recovering, RareEventRecovery):
        over = recovering.take(reading.value)
    else:
        # What was taken back since may keep it open, though the evidence was won.
        over = recovering.take(compared) and regression.window.sums.mean >= recovering.level
    if over:
        _resolve(regression, reading)
    return over


def redefined(regression: Regression, reading: Reading) -> RegressionResolved:
    """Resolve a regression whose metric means something else since: what it was raised by is measured no more."""
    detected, metric = regression.detected, reading.metric
    what = "direction" if metric.generation == regression.generation else "scale or the meaning of its labels"
    regression.resolved = RegressionResolved(
        project=detected.project,
        environment=detected.environment,
        target=detected.target,
        regression_id=detected.regression_id,
        revision=detected.revision + 1,
        metric=detected.metric,
        baseline=detected.baseline,
        current=detected.current,
        resolved_by=Cause(kind="unknown", evidence=f"the metric's {what} was changed since it was raised"),
    )
    regression.resolved_at = utc_from_unix(reading.received)
    return regression.resolved


def _label(prompt: str, reading: Reading) -> str:
    """The version of `prompt` and the model behind a reading, as one label."""
    identity = next((use.identity for use in reading.uses if use.prompt == prompt), "none")
    return json.dumps([identity, reading.facts.model])


def _resolve(regression: Regression, reading: Reading) -> None:
    detected, window = regression.detected, regression.window
    identity, model = json.loads(regression.in_use.label or '["none", null]')
    regression.resolved = RegressionResolved(
        project=detected.project,
        environment=detected.environment,
        target=detected.target,
        regression_id=detected.regression_id,
        revision=detected.revision + 1,
        metric=detected.metric,
        baseline=detected.baseline,
        current=measurement(window.sums, reading.metric),
        resolved_by=_resolved_by(regression, identity, model),
    )
    regression.resolved_at = utc_from_unix(reading.received)
    regression.after = min(window.start, reading.received)


def _resolved_by(regression: Regression, identity: str, model: str | None) -> Cause:
    if identity != regression.use.identity:
        return Cause(
            kind="prompt_version",
            name=regression.use.prompt,
            before=regression.use.identity,
            after=identity,
            evidence="it came into use before the recovery",
        )
    if model and regression.model and model != regression.model:
        evidence = "it came into use before the recovery"
        return Cause(kind="model", before=regression.model, after=model, evidence=evidence)
    return Cause(kind="unknown", evidence="the same version on the same model recovered")


def returns(last: Regression | None, use: Use, received: float, seconds: float) -> bool:
    """Whether what `use` shows now is the return of `last`: of the same version, within so many seconds of its end."""
    if last is None or last.resolved_at is None or last.use != use:
        return False
    return received - last.resolved_at.timestamp() <= seconds


def reopened(found: Regression, last: Regression) -> Regression:
    """`found` as the return of `last`: the same regression at its next revision, and harder to resolve."""
    detected = found.detected.model_copy(
        update={"regression_id": last.id, "revision": last.revision + 1, "returned": True}
    )
    return replace(found, detected=detected, recovery=found.recovery.again(last.times + 1))


def utc_from_unix(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
