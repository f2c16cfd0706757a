"""The history of a dimension, kept to explain regressions."""

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


def add_events(history: DimensionHistory, *events: FeedbackCreated) -> DimensionHistory:
    for reading in read(events):
        cell = DECLARED.cell(reading.facts)
        history.add(reading, cell) if reading.former is None else history.correct(reading, cell)
    return history


def make_history(*events: FeedbackCreated) -> DimensionHistory:
    return add_events(DimensionHistory.empty(THUMB, DECLARED.names), *events)


def test_each_prompt_becomes_a_dimension_when_first_seen() -> None:
    uses = (PromptUse(name="answer", version="v1"), PromptUse(name="judge", version="j1"))
    history = make_history(feedback(1), feedback(2, execution=facts(2, prompts=uses)))
    assert history.timeline.names == (*DECLARED.names, "outcome", "prompt_version:answer", "prompt_version:judge")
    assert [cell[-3:] for cell in history.timeline.cells] == [
        (NOT_GIVEN, "label:v1", NOT_GIVEN),
        (NOT_GIVEN, "label:v1", "label:j1"),
    ]


def test_outcome_does_not_explain_the_error_rate() -> None:
    assert "outcome" not in DimensionHistory.empty(THUMB._replace(metric=ERROR_RATE.name), ()).timeline.names


def test_correction_equals_never_having_counted_the_previous_value() -> None:
    corrected = make_history(feedback(1), feedback(2), replacing(1, 0.0, 1.0))
    straight = make_history(feedback(1, value=0.0), feedback(2))
    assert corrected.timeline.dump() == straight.timeline.dump()


def test_inputs_are_kept_as_words_if_present() -> None:
    assert make_history(feedback(1)).terms.dump() == DimensionHistory.empty(THUMB, ()).terms.dump()
    asked = make_history(
        *(feedback(n, value=float(n % 2), execution=facts(n, input="tax law", user="u")) for n in range(200))
    )
    assert "tax" in json.dumps(asked.terms.dump())


def test_history_survives_saving_and_loading() -> None:
    history = make_history(*(feedback(n, execution=facts(n, input="tax law", user=f"u{n}")) for n in range(60)))
    again = DimensionHistory.load(THUMB, json.loads(history.dump()))
    more = [feedback(n, value=0.0) for n in range(60, 90)]
    assert add_events(again, *more).dump() == add_events(history, *more).dump()


def test_good_executions_are_kept_and_removed() -> None:
    history = make_history(*(feedback(n, value=float(n % 3 > 0)) for n in range(1, 12)), replacing(8, 0.0, 1.0))
    assert history.good.before(math.inf, 20) == ("e11", "e10", "e7", "e5", "e4", "e2", "e1")
    assert history.good.before(START.timestamp() + 7, 1) == ("e5",)


def test_no_good_execution_if_all_are_bad() -> None:
    assert make_history(*(feedback(n, value=0.0) for n in range(30))).good.before(math.inf, 20) == ()
