"""The life of a regression: raised by a watch, open, resolved by the same rigour. One open per dimension."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from analyzer.model import Detector, Dimension, Memory, Metric, Policy, Reading, Use
from analyzer.reference import drop
from analyzer.state import Baseline, Stream, Watch
from analyzer.sums import measurement
from analyzer.window import Window
from shared.events import derived_id
from shared.events.quality import Cause, RegressionDetected, RegressionResolved
from shared.events.quality import Window as Span


@dataclass(slots=True)
class Regression:
    """An aggregate: `resolved` is None while it is open. Revision 1 raises it, revision 2 resolves it.

    `evidence` and `window` are about recovery: all values of the dimension of executions from `after` on,
    whichever version they came from, so that a new version counts as far as it is in use.
    """

    detected: RegressionDetected
    use: Use
    model: str | None
    baseline: Baseline
    reference: Memory
    evidence: Memory
    after: float
    opened_at: datetime
    window: Window = field(default_factory=Window)
    resolved: RegressionResolved | None = None
    resolved_at: datetime | None = None

    @property
    def id(self) -> UUID:
        return self.detected.regression_id

    @property
    def open(self) -> bool:
        return self.resolved is None

    @property
    def dimension(self) -> Dimension:
        of = self.detected
        return Dimension(of.project, of.environment, of.target, of.metric)

    def dump(self) -> str:
        """What recovery needs, as JSON; the events are kept beside it."""
        return json.dumps(
            [
                list(self.use),
                self.model,
                self.baseline.dump(),
                self.reference,
                self.evidence,
                self.after,
                self.window.dump(),
            ]
        )

    @classmethod
    def load(
        cls,
        detected: RegressionDetected,
        resolved: RegressionResolved | None,
        opened_at: datetime,
        resolved_at: datetime | None,
        state: list[Any],
    ) -> "Regression":
        """The regression that `dump` wrote."""
        use, model, baseline, reference, evidence, after, window = state
        return cls(
            detected,
            Use(*use),
            model,
            Baseline.load(baseline),
            reference,
            evidence,
            after,
            opened_at,
            Window.load(window),
            resolved,
            resolved_at,
        )


def alarms(watch: Watch, metric: Metric, detector: Detector, policy: Policy) -> bool:
    """Whether a watch is a finding: enough values on both sides, a drop of at least the floor, and significance."""
    if not detector.significant(watch.evidence):
        return False
    baseline, current = watch.baseline.sums, watch.window.sums
    return min(baseline.n, current.n) >= policy.minimum and drop(baseline, current) >= metric.floor


def raised(stream: Stream, watch: Watch, reading: Reading, detector: Detector, policy: Policy) -> Regression:
    """The regression that `watch` of `stream` found with `reading`."""
    dimension, prompt = stream.key.line
    window, metric, identity = watch.window, reading.metric, stream.key.identity
    detected = RegressionDetected(
        project=dimension.project,
        environment=dimension.environment,
        target=dimension.target,
        regression_id=derived_id("regression", *dimension, prompt, identity, str(stream.learned), watch.cleared),
        revision=1,
        metric=metric.name,
        direction=metric.direction,
        window=Span(start=_moment(window.start), end=_moment(window.end)),
        baseline=measurement(watch.baseline.sums, metric),
        current=measurement(window.sums, metric),
        delta_pp=round(-100.0 * drop(watch.baseline.sums, window.sums), 3),
        method=detector.method,
        alpha=watch.alpha,
        affected_executions=watch.worst.since(window.start),
        causes=causes(stream, watch, metric),
    )
    # The alarm says: below the baseline's lower bound, and by the floor below its mean. Recovery refutes that.
    lower = detector.lower(watch.reference, policy.alpha)
    level = min(watch.baseline.sums.mean - metric.floor, lower)
    return Regression(
        detected=detected,
        use=Use(prompt, identity),
        model=reading.model,
        baseline=watch.baseline,
        reference=watch.reference,
        # Values are turned round: evidence that their mean is above the level.
        evidence=detector.watch_bound(1.0 - level, policy.alpha),
        after=min(window.end, reading.received),
        opened_at=_moment(reading.received),
    )


def causes(stream: Stream, watch: Watch, metric: Metric) -> tuple[Cause, ...]:
    """What may have led to it, likeliest first; never empty."""
    found: list[Cause] = []
    before, after = watch.baseline.identity, stream.key.identity
    seen = watch.window.earlier.n + watch.window.sums.n
    since_start = f"{seen} values of it, against {watch.baseline.sums.n} of the one before"
    if before != after and not _began_well(watch, metric):
        found.append(
            Cause(kind="prompt_version", name=stream.key.line.prompt, before=before, after=after, evidence=since_start)
        )
    if switched := watch.window.switch(watch.baseline.model):
        evidence = "executions went from one model to the other, once, between the baseline and the alarm"
        found.append(Cause(kind="model", before=switched[0], after=switched[1], evidence=evidence))
    unknown = Cause(kind="unknown", evidence="neither the prompt version nor the model changed with it")
    return tuple(found) or (unknown,)


def _began_well(watch: Watch, metric: Metric) -> bool:
    """Whether the version was fine at first: then the switch to it explains nothing."""
    early, late = watch.window.earlier, watch.window.sums
    return early.n >= late.n and drop(watch.baseline.sums, early) < metric.floor


def recover(regression: Regression, reading: Reading, detector: Detector, policy: Policy) -> bool:
    """Takes a reading of an open regression's dimension; True if that resolved it.

    The null hypothesis is what the alarm said: that the mean is below the baseline's lower bound, or (where that is
    lower) by more than the floor below its measured mean; it is refuted at the policy's alpha. As many values are
    needed as for an alarm, and a mean within the floor.
    """
    if reading.at < regression.after:
        return False
    if reading.former is not None or reading.value is None:
        regression.window.correct(reading.former, reading.value, reading.at)
        return False
    detector.observe(regression.evidence, 1.0 - reading.value)
    regression.window.add(reading.value, reading.at, _label(regression.use.prompt, reading))
    sums = regression.window.sums
    if (
        sums.n < policy.minimum
        or drop(regression.baseline.sums, sums) > reading.metric.floor
        or not detector.significant(regression.evidence)
    ):
        return False
    _resolve(regression, reading)
    return True


def _label(prompt: str, reading: Reading) -> str:
    """The version of `prompt` and the model behind a reading, as one label."""
    identity = next((use.identity for use in reading.uses if use.prompt == prompt), "none")
    return json.dumps([identity, reading.model])


def _resolve(regression: Regression, reading: Reading) -> None:
    detected, window = regression.detected, regression.window
    identity, model = json.loads(window.label or '["none", null]')
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
    regression.resolved_at = _moment(reading.received)
    regression.after = min(window.start, reading.received)


def _resolved_by(regression: Regression, identity: str, model: str | None) -> Cause:
    if identity != regression.use.identity:
        return Cause(
            kind="prompt_version",
            name=regression.use.prompt,
            before=regression.use.identity,
            after=identity,
            evidence="most values of the recovery are of that version",
        )
    if model and regression.model and model != regression.model:
        evidence = "most values of the recovery are of that model"
        return Cause(kind="model", before=regression.model, after=model, evidence=evidence)
    return Cause(kind="unknown", evidence="the same version on the same model recovered")


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
