"""What one dimension's values came from, kept so that a fall can be explained."""

import json
import math

from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.metrics.extraction import ERROR_RATE
from analyzer.domain.model import Dimension
from analyzer.domain.segments.dimensions import NOT_GIVEN
from analyzer.domain.watch_rules import Rules
from shared.events.feedback import FeedbackCreated, PromptUse
from tests.support.quality import START, facts, feedback, replacing
from tests.unit.analyzer.conftest import read

THUMB = Dimension("acme", "production", "bot", "thumb")
DECLARED = Rules().dimensions("bot")


def fed(history: DimensionHistory, *events: FeedbackCreated) -> DimensionHistory:
    for reading in read(events):
        cell = DECLARED.cell(reading.facts)
        history.add(reading, cell) if reading.former is None else history.correct(reading, cell)
    return history


def begun(*events: FeedbackCreated) -> DimensionHistory:
    return fed(DimensionHistory.empty(THUMB, DECLARED.names), *events)


def test_each_prompt_of_an_execution_becomes_a_dimension_when_it_is_first_seen() -> None:
    uses = (PromptUse(name="answer", version="v1"), PromptUse(name="judge", version="j1"))
    history = begun(feedback(1), feedback(2, execution=facts(2, prompts=uses)))
    assert history.timeline.names == (*DECLARED.names, "outcome", "prompt_version:answer", "prompt_version:judge")
    assert [cell[-3:] for cell in history.timeline.cells] == [
        (NOT_GIVEN, "label:v1", NOT_GIVEN),
        (NOT_GIVEN, "label:v1", "label:j1"),
    ]


def test_how_calls_ended_does_not_explain_itself() -> None:
    assert "outcome" not in DimensionHistory.empty(THUMB._replace(metric=ERROR_RATE.name), ()).timeline.names


def test_a_correction_leaves_what_would_have_come_without_the_former() -> None:
    corrected = begun(feedback(1), feedback(2), replacing(1, 0.0, 1.0))
    straight = begun(feedback(1, value=0.0), feedback(2))
    assert corrected.timeline.dump() == straight.timeline.dump()


def test_inputs_are_kept_as_words_and_only_where_there_are_any() -> None:
    assert begun(feedback(1)).terms.dump() == DimensionHistory.empty(THUMB, ()).terms.dump()
    asked = begun(*(feedback(n, value=float(n % 2), execution=facts(n, input="tax law", user="u")) for n in range(200)))
    assert "tax" in json.dumps(asked.terms.dump())


def test_a_course_comes_back_as_it_was() -> None:
    history = begun(*(feedback(n, execution=facts(n, input="tax law", user=f"u{n}")) for n in range(60)))
    again = DimensionHistory.load(THUMB, json.loads(history.dump()))
    more = [feedback(n, value=0.0) for n in range(60, 90)]
    assert fed(again, *more).dump() == fed(history, *more).dump()


def test_good_executions_are_remembered_and_taken_back() -> None:
    history = begun(*(feedback(n, value=float(n % 3 > 0)) for n in range(1, 12)), replacing(8, 0.0, 1.0))
    assert history.good.before(math.inf, 20) == ("e11", "e10", "e7", "e5", "e4", "e2", "e1")
    assert history.good.before(START.timestamp() + 7, 1) == ("e5",)


def test_where_all_are_bad_none_is_good() -> None:
    assert begun(*(feedback(n, value=0.0) for n in range(30))).good.before(math.inf, 20) == ()
