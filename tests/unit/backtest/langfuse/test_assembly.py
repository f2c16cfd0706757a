"""Scores, traces and generations are assembled into answers."""

from datetime import timedelta
from typing import Any

import pytest

from analyzer.domain.model import Use
from ratchet_backtest.langfuse.assembly import TraceAssembler, TraceRow
from ratchet_backtest.langfuse.trace_table import TraceTable
from ratchet_langfuse.schemas import Generation, RootTrace, Score
from tests.support.langfuse_history import NOW, score, trace

THUMBS = ("thumbs", "API")


def gathered(observations: list[dict[str, Any]], scores: list[dict[str, Any]]) -> TraceAssembler:
    found = TraceAssembler()
    for each in scores:
        found.score(Score.model_validate(each))
    for each in observations:
        if each["isRootObservation"]:
            found.root(RootTrace.model_validate(each))
    for each in observations:
        if each["type"] == "GENERATION":
            found.generation(Generation.model_validate(each))
    return found


def only(rows: list[TraceRow]) -> TraceRow:
    (row,) = rows
    return row


def test_a_trace_has_the_prompts_models_and_costs_of_its_generations() -> None:
    root, first = trace("t1", NOW, 6)
    second = {**first, "id": "g2", "promptName": "router", "promptVersion": 2, "providedModelName": "large"}
    third = {**first, "id": "g3", "promptName": None, "providedModelName": None, "level": "ERROR"}
    row = only(gathered([root, first, second, third], [score(1, "thumbs", True, NOW)]).rows())
    assert row.prompts == (("answer", "6"), ("router", "2"))
    assert (row.models, row.trace.delay_after_failures) == (("large", "small"), True)
    assert row.trace.cost == pytest.approx(0.006)
    assert row.scores == {THUMBS: (NOW.timestamp(), True)}


def test_latest_of_several_scores_counts() -> None:
    late = score(1, "thumbs", False, NOW + timedelta(hours=1), id="a")
    early = score(1, "thumbs", True, NOW, id="b")
    for scores in ([early, late], [late, early]):
        assert only(gathered(trace("t1", NOW), scores).rows()).scores[THUMBS][1] is False


def test_scored_generation_is_a_separate_answer_with_its_prompt() -> None:
    root, first = trace("t1", NOW, 6)
    second = {**first, "id": "g2", "promptName": "router", "providedModelName": "large"}
    of_it = score(1, "thumbs", True, NOW, subject={"kind": "observation", "id": "g2", "traceId": "t1"})
    whole, own = gathered([root, first, second], [of_it]).rows()
    assert (whole.whole, whole.scores, len(whole.prompts)) == (True, {}, 2)
    assert (own.name, own.prompts, own.models) == ("t1", (("router", "6"),), ("large",))
    assert own.scores == {THUMBS: (NOW.timestamp(), True)}


def test_scored_step_without_a_prompt_has_those_of_its_trace() -> None:
    of_it = score(1, "thumbs", True, NOW, subject={"kind": "observation", "id": "retrieval", "traceId": "t1"})
    own = gathered(trace("t1", NOW, 6), [of_it]).rows()[1]
    assert (own.prompts, own.models, own.at) == ((("answer", "6"),), ("small",), NOW.timestamp())


def test_all_omissions_are_counted() -> None:
    found = gathered(
        [*trace("t1", NOW, 6), *trace("own", NOW, 1, environment="langfuse-llm-as-a-judge"), trace("old", NOW)[1]],
        [
            score(1, "thumbs", True, NOW),
            score(2, "thumbs", True, NOW, subject={"kind": "session", "id": "x"}),
            score(3, "said", "well done", NOW, dataType="TEXT"),
            score(9, "thumbs", True, NOW),
            score(9, "thumbs", True, NOW, subject={"kind": "observation", "id": "o", "traceId": None}),
        ],
    )
    assert len(found.rows()) == 1
    assert found.left_out == {
        "scores of sessions and experiments, which are not about a single answer": 1,
        "scores that are texts or corrections, which have no value": 1,
        "scores of traces that started earlier or are not readable": 2,
        "traces of Langfuse's own evaluators": 1,
        "generations of traces that started earlier or are not readable": 1,
    }


def test_trace_with_two_roots_starts_with_the_first() -> None:
    early, late = trace("t1", NOW)[0], trace("t1", NOW + timedelta(minutes=1), userId="u2")[0]
    for roots in ([early, late], [late, early]):
        row = only(gathered(roots, []).rows())
        assert (row.at, row.trace.user) == (NOW.timestamp(), "u1")


def test_table_numbers_answers_by_time() -> None:
    later = trace("t2", NOW + timedelta(seconds=1), 7, traceName=None, environment="staging")
    scores = [score(1, "thumbs", True, NOW), score(2, "thumbs", False, NOW, source="EVAL"), score(2, "model", 1, NOW)]
    found = gathered([*later, *trace("t1", NOW, 6, level="ERROR")], scores)
    table = TraceTable(found.rows(), found.columns, None)
    assert [table.execution(number) for number in (1, 2)] == ["t1", "t2"]
    assert table.known("target") == ["support-bot", "unnamed (staging)"]
    assert (table.known("version"), table.known("error")) == (["answer 6", "answer 7"], ["error", "ok"])
    assert (table.known("thumbs (api)"), table.known("thumbs (eval)"), table.known("model (api)")) == (
        [True],
        [False],
        [1],
    )
    assert table.uses() == {"answer 6": (Use("answer", "6"),), "answer 7": (Use("answer", "7"),)}
    assert table.known("model") == ["small", "small"]
