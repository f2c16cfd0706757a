"""Scores of judges, and of their anchors, as readings."""

from datetime import timedelta
from typing import Any

from analyzer.domain.attribution.timeline import FINE_BLOCK, Timeline
from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.engine import QualityEngine
from analyzer.domain.metrics.extraction import from_feedback
from analyzer.domain.metrics.judges import from_anchor
from analyzer.domain.model import Dimension, Reading
from analyzer.domain.value_columns import to_columns
from shared.events.evaluation import JudgeAnchored
from shared.metric_catalog import anchors_of, definition_of, source_metric_name
from tests.support.quality import START, feedback

DIGEST = f"sha256:{'a' * 64}"


def reading(**fields: Any) -> Reading:
    given: dict[str, Any] = {
        "kind": "score",
        "name": "helpful",
        "value": 0.25,
        "source": "judge",
        "evaluator": DIGEST,
        **fields,
    }
    [found] = from_feedback(feedback(1, **given))
    assert isinstance(found, Reading)
    return found


def test_a_judges_score_is_a_metric_of_its_own_with_a_known_direction() -> None:
    found = reading()
    assert (found.dimension.metric, found.value, found.metric.direction) == ("judge.helpful", 0.25, "higher_is_better")
    assert reading(source="explicit", evaluator=None).dimension.metric == "score.helpful"
    assert source_metric_name("thumb", None, "implicit") == "implicit.thumb"
    assert anchors_of("judge.helpful") == "judge_anchors.helpful"
    assert anchors_of("score.helpful") is None
    assert definition_of("judge.toxicity").direction == "higher_is_better"


def test_the_judge_is_a_dimension_of_its_scores_only() -> None:
    engine = QualityEngine()
    [columns] = to_columns([reading()], engine.rules)
    history = DimensionHistory.empty(columns.dimension, ("model",))
    history.add(reading(), ("model-a",))
    assert history.timeline.names[:3] == ("model", "outcome", "judge")
    assert history.timeline.cells[0][2] == DIGEST
    assert columns.groups[0].judge == DIGEST
    other = DimensionHistory.empty(Dimension("acme", "production", "bot", "score.helpful"), ("model",))
    assert other.timeline.names == ("model", "outcome")


def anchor(number: int, score: float) -> JudgeAnchored:
    return JudgeAnchored(
        project="acme", environment="production", target="bot", judge="helpful", evaluator=DIGEST,
        case_id=f"c{number % 7}", score=score, first=0.75, occurred_at=START + timedelta(seconds=number),
    )  # fmt: skip


def test_an_anchor_is_the_difference_to_its_first_score() -> None:
    [found] = from_anchor(anchor(1, 0.25))
    assert found.dimension.metric == "judge_anchors.helpful"
    assert found.metric.from_scale(found.value or 0.0) == -0.5


def test_anchors_are_kept_in_small_blocks_also_after_a_restart() -> None:
    [first] = from_anchor(anchor(1, 0.75))
    history = DimensionHistory.empty(first.dimension, ())
    for number in range(9):
        [found] = from_anchor(anchor(number, 0.75))
        history.add(found, ())
    loaded = Timeline.load(history.timeline.dump())
    assert loaded == history.timeline
    assert loaded.block == FINE_BLOCK
    assert [block.filled for block in loaded.blocks] == [2, 2, 2, 2, 1]


def test_a_judge_that_got_stricter_is_the_cause_of_the_drop() -> None:
    engine = QualityEngine()
    found = []
    for number in range(600):
        worse = number >= 300
        fields: dict[str, Any] = {"kind": "score", "name": "helpful", "source": "judge", "evaluator": DIGEST}
        value = (0.5 if worse else 0.9) + 0.02 * (number % 5)
        for each in from_feedback(feedback(number, value=value, **fields)):
            assert isinstance(each, Reading)
            found += engine.apply(each)
        if number % 5 == 0:
            for each in from_anchor(anchor(number, 0.35 + 0.01 * (number % 3) if worse else 0.75)):
                found += engine.apply(each)
    [detected] = [event for event in found if event.metric == "judge.helpful"]
    assert [cause.kind for cause in detected.causes] == ["judge"]  # type: ignore[union-attr]
    assert "anchors" in detected.causes[0].evidence  # type: ignore[union-attr]
