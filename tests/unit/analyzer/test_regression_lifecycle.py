"""The lifecycle of a regression: detected, open, resolved; one at a time; with named causes."""

from collections.abc import Iterator

from analyzer.domain.engine import QualityEngine
from analyzer.domain.model import Dimension
from shared.events.feedback import FeedbackCreated, PromptUse
from shared.events.quality import RegressionDetected, RegressionResolved
from tests.support.quality import facts, feedback, replacing
from tests.unit.analyzer.conftest import Feed

DIMENSION = Dimension("acme", "production", "bot", "thumb")


def thumbs(first: int, n: int, share: float, version: str = "v1", model: str = "model-a") -> Iterator[FeedbackCreated]:
    """Return `n` thumbs from the number `first` on, with an evenly spread share of thumbs up."""
    for index in range(n):
        up = int((index + 1) * share) - int(index * share)
        number = first + index
        yield feedback(number, version, value=float(up), execution=facts(number, version, model=model))


def kinds(turns: list[RegressionDetected | RegressionResolved]) -> list[str]:
    return [turn.topic.removeprefix("regression.") for turn in turns]


def test_a_bad_version_then_a_rollback(engine: QualityEngine, feed: Feed) -> None:
    turns = feed(engine, thumbs(0, 300, 0.9))
    turns += feed(engine, thumbs(300, 150, 0.5, "v2"))
    turns += feed(engine, thumbs(450, 500, 0.9, "v1"))
    assert kinds(turns) == ["detected", "resolved"]
    detected, resolved = turns
    assert isinstance(detected, RegressionDetected)
    assert isinstance(resolved, RegressionResolved)
    assert (detected.delta_pp, detected.current.n, detected.baseline.n) == (-40.0, 100, 300)
    assert (resolved.resolved_by.before, resolved.resolved_by.after) == ("label:v2", "label:v1")
    assert resolved.current.n >= 100
    assert resolved.current.mean >= detected.baseline.mean - 0.05
    assert len(detected.affected_executions) == 20
    assert set(detected.affected_executions) <= {f"e{number}" for number in range(300, 450)}


def test_good_and_bad_executions_are_named(engine: QualityEngine, feed: Feed) -> None:
    sent = [*thumbs(0, 300, 0.9), *thumbs(300, 150, 0.5, "v2")]
    (detected,) = feed(engine, sent)
    assert isinstance(detected, RegressionDetected)
    values = {event.execution.execution_id: event.value for event in sent if event.execution}
    assert {values[each] for each in detected.affected_executions} == {0.0}
    good = engine.regressions[DIMENSION].good
    assert 7 <= len(good) <= 20
    assert {values[each] for each in good} == {1.0}
    assert {int(each[1:]) for each in good} <= set(range(300))
    assert list(good) == sorted(good, key=lambda each: -int(each[1:]))


def test_drift_is_shown_with_good_executions_before_it(engine: QualityEngine, feed: Feed) -> None:
    sent = [*thumbs(0, 2000, 0.9), *thumbs(2000, 400, 0.6)]
    (detected,) = feed(engine, sent)
    assert isinstance(detected, RegressionDetected)
    assert detected.method.startswith("drift")
    good = [int(each[1:]) for each in engine.regressions[DIMENSION].good]
    assert len(good) >= 5
    assert all(1000 < number < 2050 for number in good[:5])


def test_bad_executions_are_named_if_all_are_bad(engine: QualityEngine, feed: Feed) -> None:
    (detected,) = feed(engine, [*thumbs(0, 300, 0.9), *thumbs(300, 150, 0.0, "v2")])
    assert isinstance(detected, RegressionDetected)
    assert len(detected.affected_executions) == 20


def test_persistently_bad_version_opens_one_regression(engine: QualityEngine, feed: Feed) -> None:
    turns = feed(engine, [*thumbs(0, 300, 0.9), *thumbs(300, 2000, 0.5, "v2"), *thumbs(2300, 300, 0.5, "v3")])
    assert kinds(turns) == ["detected"]
    assert engine.regressions[DIMENSION].open


def test_bad_version_in_use_again_continues_the_regression(engine: QualityEngine, feed: Feed) -> None:
    turns = feed(engine, [*thumbs(0, 300, 0.9), *thumbs(300, 150, 0.5, "v2"), *thumbs(450, 500, 0.9)])
    turns += feed(engine, thumbs(950, 150, 0.5, "v2"))
    assert kinds(turns) == ["detected", "resolved", "detected"]
    assert {turn.regression_id for turn in turns} == {turns[0].regression_id}
    assert [turn.revision for turn in turns] == [1, 2, 3]
    assert isinstance(turns[2], RegressionDetected)
    assert turns[2].returned


def test_late_feedback_on_the_bad_version_opens_no_regression(engine: QualityEngine, feed: Feed) -> None:
    feed(engine, [*thumbs(0, 300, 0.9), *thumbs(300, 150, 0.5, "v2"), *thumbs(450, 500, 0.9)])
    assert not engine.regressions[DIMENSION].open
    assert feed(engine, thumbs(300, 140, 0.5, "v2")) == []


def test_changed_model_is_named(engine: QualityEngine, feed: Feed) -> None:
    turns = feed(engine, [*thumbs(0, 500, 0.9), *thumbs(500, 400, 0.3, model="model-b")])
    (detected,) = turns
    assert isinstance(detected, RegressionDetected)
    (cause,) = detected.causes
    assert (cause.kind, cause.before, cause.after) == ("model", "model-a", "model-b")


def test_two_changes_at_once_are_both_named(engine: QualityEngine, feed: Feed) -> None:
    (detected,) = feed(engine, [*thumbs(0, 300, 0.9), *thumbs(300, 150, 0.3, "v2", "model-b")])
    assert isinstance(detected, RegressionDetected)
    assert [cause.kind for cause in detected.causes] == ["prompt_version", "model"]
    assert not detected.certain


def test_drop_without_any_change_has_no_known_cause(engine: QualityEngine, feed: Feed) -> None:
    (detected,) = feed(engine, [*thumbs(0, 500, 0.9), *thumbs(500, 400, 0.3)])
    assert isinstance(detected, RegressionDetected)
    assert [cause.kind for cause in detected.causes] == ["unknown"]


def test_version_that_was_good_at_first_is_not_named(engine: QualityEngine, feed: Feed) -> None:
    turns = feed(engine, [*thumbs(0, 300, 0.9), *thumbs(300, 1000, 0.9, "v2"), *thumbs(1300, 400, 0.3, "v2")])
    (detected,) = turns
    assert isinstance(detected, RegressionDetected)
    assert [cause.kind for cause in detected.causes] == ["unknown"]


def test_second_drop_is_measured_against_the_recovery(engine: QualityEngine, feed: Feed) -> None:
    events = [*thumbs(0, 300, 0.9), *thumbs(300, 600, 0.3), *thumbs(900, 700, 0.9), *thumbs(1600, 600, 0.3)]
    turns = feed(engine, events)
    assert kinds(turns) == ["detected", "resolved", "detected"]
    assert isinstance(turns[2], RegressionDetected)
    assert (round(turns[2].baseline.mean, 2), round(turns[2].current.mean, 2)) == (0.9, 0.3)
    assert turns[2].current.n == 100


def test_the_next_version_is_not_compared_with_a_regressed_one(engine: QualityEngine, feed: Feed) -> None:
    feed(engine, [*thumbs(0, 300, 0.9), *thumbs(300, 150, 0.5, "v2"), *thumbs(450, 50, 0.9, "v3")])
    (third,) = [stream for stream in engine.streams.values() if stream.key.identity == "label:v3"]
    assert third.baseline is not None
    assert third.baseline.identity == "label:v1"


def test_too_few_values_are_inconclusive(engine: QualityEngine, feed: Feed) -> None:
    assert feed(engine, [*thumbs(0, 99, 1.0), *thumbs(99, 99, 0.0, "v2")]) == []
    assert feed(engine, thumbs(198, 99, 0.0, "v3")) == []


def test_two_prompts_of_one_execution_open_one_regression(engine: QualityEngine, feed: Feed) -> None:
    def both(number: int, version: str, up: float) -> FeedbackCreated:
        uses = (PromptUse(name="answer", version=version), PromptUse(name="judge", version="j1"))
        return feedback(number, value=up, execution=facts(number, prompts=uses))

    turns = feed(engine, (both(n, "v1", 1.0) for n in range(300)))
    turns += feed(engine, (both(n, "v2", 0.0) for n in range(300, 500)))
    assert kinds(turns) == ["detected"]


def test_corrected_feedback_prevents_an_alarm(engine: QualityEngine, feed: Feed) -> None:
    """The evidence stays as it was, but an alarm also needs a drop of the corrected means."""
    feed(engine, [*thumbs(0, 300, 0.9), *thumbs(300, 99, 0.0, "v2")])
    feed(engine, (replacing(number, 1.0, 0.0, "v2") for number in range(300, 399)))
    assert feed(engine, thumbs(399, 50, 1.0, "v2")) == []
