"""Life cycle of a regression: opened, resolved, reopened. At most one is open per dimension.

Odd revisions open it, even ones resolve it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from analyzer.domain.detection import DetectionSettings
from analyzer.domain.model import Dimension, Metric, Reading, Use
from analyzer.domain.regressions.recovery import CurrentVersionTracker, RareEventRecovery, Recovery
from analyzer.domain.segments.dimensions import Cell
from analyzer.domain.streams.samples import RecentValues
from analyzer.domain.streams.stream import Baseline
from analyzer.domain.streams.sums import measurement
from analyzer.domain.value_columns import ValueColumns
from shared.events.quality import Cause, RegressionDetected, RegressionResolved


@dataclass(slots=True)
class Regression:
    """A regression; `resolved` is None while it is open.

    `recovery` and `window` cover all values of the dimension from `after` on, since the version and model `in_use` came
    into use. `good`: good executions from before the change, latest first. `terms`: input terms that got worse; they
    are words of users, so no event carries them.
    """

    detected: RegressionDetected
    use: Use
    model: str | None
    baseline: Baseline
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
        """How often it was opened."""
        return (self.detected.revision + 1) // 2

    @property
    def name(self) -> str:
        """The regression at this revision, as stored by streams whose evidence restarted after it."""
        return f"{self.id}/{self.revision}"

    @property
    def dimension(self) -> Dimension:
        detected = self.detected
        return Dimension(detected.project, detected.environment, detected.target, detected.metric)

    def comparable(self, metric: Metric) -> bool:
        """Return whether values of `metric` have the definition that the regression was opened with."""
        return self.generation == metric.generation and self.detected.direction == metric.direction

    def dump(self) -> str:
        """Return the state of the recovery as JSON; events are stored separately."""
        watched = [self.baseline.dump(), self.after, self.window.dump(), self.in_use.dump()]
        recovery = [isinstance(self.recovery, RareEventRecovery), self.recovery.dump()]
        return to_json([list(self.use), self.model, *watched, *recovery, self.generation]).decode()

    @classmethod
    def load(
        cls,
        detected: RegressionDetected,
        resolved: RegressionResolved | None,
        moments: tuple[datetime, datetime | None],
        samples: tuple[list[str], list[dict[str, Any]]],
        settings: DetectionSettings,
        state: list[Any],
    ) -> "Regression":
        """Return the regression that `dump` wrote; `samples` has good executions and terms."""
        use, model, baseline, after, window, in_use, rare, recovering, *generation = state
        opened_at, resolved_at = moments
        good, terms = samples
        return cls(
            detected,
            Use(*use),
            model,
            Baseline.load(baseline),
            RareEventRecovery.load(recovering) if rare else Recovery.load(settings, recovering),
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
    """Test a reading from `cell` for recovery of an open regression; return whether it resolves it."""
    if reading.at < regression.after:
        return False
    profile = regression.baseline.profile
    if reading.former is not None or reading.value is None:
        former, value = (
            None if each is None else profile.residual(cell, each) for each in (reading.former, reading.value)
        )
        regression.window.correct(former, value, reading.at)
        return False
    label = _label(regression.use.prompt, reading.uses, reading.facts.model)
    recovered = _test_recovery(regression, label, profile.residual(cell, reading.value), reading.value, reading.at)
    if recovered:
        resolve_recovered(regression, reading)
    return recovered


def recover_until(regression: Regression, columns: ValueColumns, start: int, stop: int) -> int:
    """Test new values for recovery as `recover` does; return the index after the one that resolves it, else `stop`."""
    groups = {number: columns.groups[number] for number in dict.fromkeys(columns.group[start:stop])}
    labels = {number: _label(regression.use.prompt, each.uses, each.model) for number, each in groups.items()}
    shifts = regression.baseline.profile.shifts({number: each.cell for number, each in groups.items()})
    for index in range(start, stop):
        at, value, number = columns.at[index], columns.values[index], columns.group[index]
        if at < regression.after:
            continue
        if _test_recovery(regression, labels[number], value + shifts[number], value, at):
            resolve_recovered(regression, columns.reading(index))
            return index + 1
    return stop


def _test_recovery(regression: Regression, label: str, compared: float, value: float, at: float) -> bool:
    """Add a value to the test of recovery; `compared` is adjusted by segment. Return whether it has recovered."""
    recovering = regression.recovery
    if regression.in_use.observe(label):
        regression.window = RecentValues()
        recovering.restart()
    regression.window.add(compared, at)
    if isinstance(recovering, RareEventRecovery):
        return recovering.observe(value)
    # Corrections may keep it open although the evidence was significant.
    return recovering.observe(compared) and regression.window.sums.mean >= recovering.level


def resolve_redefined(regression: Regression, reading: Reading) -> RegressionResolved:
    """Resolve a regression whose metric has been redefined, since no new value is comparable."""
    detected, metric = regression.detected, reading.metric
    changed = "direction" if metric.generation == regression.generation else "scale or the meaning of its labels"
    regression.resolved = RegressionResolved(
        project=detected.project,
        environment=detected.environment,
        target=detected.target,
        regression_id=detected.regression_id,
        revision=detected.revision + 1,
        metric=detected.metric,
        baseline=detected.baseline,
        current=detected.current,
        resolved_by=Cause(
            kind="unknown", evidence=f"the metric's {changed} was changed after the regression was opened"
        ),
    )
    regression.resolved_at = utc_from_unix(reading.received)
    return regression.resolved


def _label(prompt: str, uses: Sequence[Use], model: str | None) -> str:
    """Return the version of `prompt` and the model of a reading as one label."""
    identity = next((use.identity for use in uses if use.prompt == prompt), "none")
    return json.dumps([identity, model])


def resolve_recovered(regression: Regression, reading: Reading) -> None:
    """Resolve a regression that `reading` shows to be over."""
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
    return Cause(kind="unknown", evidence="the same version recovered on the same model")


def returns(last: Regression | None, use: Use, received: float, seconds: float) -> bool:
    """Return whether a regression of `use` is a return of `last`: same version, at most `seconds` after its end."""
    if last is None or last.resolved_at is None or last.use != use:
        return False
    return received - last.resolved_at.timestamp() <= seconds


def reopen_regression(found: Regression, last: Regression) -> Regression:
    """Return `found` as the next revision of `last`, with more values required to resolve it."""
    detected = found.detected.model_copy(
        update={"regression_id": last.id, "revision": last.revision + 1, "returned": True}
    )
    return replace(found, detected=detected, recovery=found.recovery.require_more(last.times + 1))


def utc_from_unix(seconds: float) -> datetime:
    """Return a Unix time as a datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
