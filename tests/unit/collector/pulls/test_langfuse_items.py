"""From traces and scores of Langfuse to bodies that the collector accepts."""

from typing import Any

import pytest

from collector.domain.body_parser import read_execution, read_feedback
from collector.domain.feedback_items import read_value
from collector.domain.pulls.langfuse_scores import ScoreMapping, score_item
from collector.domain.pulls.langfuse_traces import TraceCalls, is_evaluator, trace_item
from ratchet_langfuse.schemas import Generation, RootTrace, Score, ToolObservation

ROOT = {"id": "o", "traceId": "t1", "startTime": "2026-03-01T12:00:00Z", "endTime": "2026-03-01T12:00:03Z"}
CALL = {"id": "g", "traceId": "t1", "startTime": "2026-03-01T12:00:01Z"}
SCORE = {
    "id": "s1",
    "name": "user-feedback",
    "source": "API",
    "dataType": "NUMERIC",
    "timestamp": "2026-03-01T13:00:00Z",
    "value": 1,
    "subject": {"kind": "trace", "id": "t1"},
}
MAPPING = ScoreMapping("reward", {"user-feedback": "thumb", "stars": "rating", "opinion": "label"})


def body_of(root: dict[str, Any], *generations: dict[str, Any], target: str | None = None) -> dict[str, Any]:
    calls = TraceCalls()
    for generation in generations:
        calls.add_generation(Generation.model_validate({**CALL, **generation}))
    item = trace_item(RootTrace.model_validate({**ROOT, **root}), calls, target, {})
    read_execution(item.body)
    return item.body


def feedback_of(**fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    item = score_item(Score.model_validate({**SCORE, **fields}), MAPPING)
    assert item is not None
    parsed = read_feedback(item.body)
    read_value(parsed.kind, parsed.value, parsed.comment)
    return item.body, item.flags


def test_minimal_trace_is_an_execution_at_its_end() -> None:
    body = body_of({})
    assert body == {
        "id": "langfuse-t1",
        "trace_id": "t1",
        "target": "unnamed",
        "latency_ms": 3000.0,
        "outcome": "ok",
        "occurred_at": "2026-03-01T12:00:03+00:00",
    }


def test_calls_are_summed_up() -> None:
    body = body_of(
        {"traceName": "bot"},
        {"providedModelName": "small", "totalCost": 0.5, "usageDetails": {"input": 5, "output": 2, "total": 7}},
        {"model": "large", "calculatedTotalCost": 0.25, "usage": {"input": 3, "output": 1, "unit": "TOKENS"}},
        {"promptName": "answer", "promptVersion": 7, "level": "ERROR"},
    )
    assert (body["model"], body["cost"], body["outcome"]) == ("large + small", 0.75, "error")
    assert body["usage"] == {"input_tokens": 8, "output_tokens": 3}
    assert body["prompts"] == [{"name": "answer", "version": "7"}]


@pytest.mark.parametrize(
    ("tags", "declared"),
    [
        (
            ["ratchet.region:EU", "ratchet.confidentiality: Internal", "vip"],
            {"region": "eu", "confidentiality": "internal"},
        ),
        (["region:eu", "confidentiality:internal"], {}),
        (["ratchet.region:eu", "ratchet.region:us", "ratchet.confidentiality:secret"], {}),
        (["ratchet.region:", "ratchet.confidentiality:"], {}),
        (["ratchet.region:" + "x" * 65], {}),
    ],
)
def test_tags_declare_region_and_confidentiality(tags: list[str], declared: dict[str, str]) -> None:
    body = body_of({"tags": tags})
    assert {name: body[name] for name in ("region", "confidentiality") if name in body} == declared
    assert body["attributes"]["tags"] == ", ".join(sorted(tags))


def test_failed_tool_does_not_fail_the_trace() -> None:
    calls = TraceCalls()
    calls.add_tool(ToolObservation.model_validate({**CALL, "name": "search", "level": "ERROR"}))
    body = trace_item(RootTrace.model_validate(ROOT), calls, "bot", {}).body
    assert (body["outcome"], body["target"]) == ("ok", "bot")
    assert body["tools"] == [{"name": "search", "outcome": "error"}]


def test_calls_of_tools_have_arguments_results_and_latency() -> None:
    calls = TraceCalls()
    for fields in (
        {"input": {"q": "shoes"}, "output": '["a"]', "latency": 0.5},
        {"input": '"again"', "level": "ERROR", "statusMessage": "timed out", "endTime": "2026-03-01T12:00:03Z"},
        {"input": "x" * 30_000, "latency": -1},
    ):
        calls.add_tool(ToolObservation.model_validate({**CALL, "name": "search", **fields}))
    body = trace_item(RootTrace.model_validate(ROOT), calls, "bot", {}).body
    read_execution(body)
    first, second, third = body["tools"]
    assert first == {
        "name": "search", "arguments": '{"q":"shoes"}', "result": '["a"]', "outcome": "ok", "latency_ms": 500.0,
    }  # fmt: skip
    assert second == {
        "name": "search", "arguments": "again", "result": "timed out", "outcome": "error", "latency_ms": 2000.0,
    }  # fmt: skip
    assert (len(third["arguments"]), third["arguments"][-1], third.keys()) == (
        20_000,
        "…",
        {"name", "arguments", "outcome"},
    )


def test_texts_of_tools_are_limited_as_a_whole() -> None:
    calls = TraceCalls()
    for _ in range(120):
        calls.add_tool(ToolObservation.model_validate({**CALL, "name": "search", "input": "x" * 30_000}))
    assert len(calls.tools) == 100
    assert sum(len(call.get("arguments", "")) for call in calls.tools) == 200_000


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ('"quoted"', "quoted"),
        ("plain", "plain"),
        ('{"broken', '{"broken'),
        ([{"role": "user", "content": "Hi"}], "Hi"),
        ('[{"role": "user", "content": "Hi"}]', "Hi"),
        (4, "4"),
        (False, "false"),
        ("[1", "[1"),
    ],
)
def test_inputs_are_read_as_text(given: Any, text: str) -> None:
    body = body_of({"input": given})
    assert read_execution(body).input == text


def test_long_trace_ids_have_short_execution_ids() -> None:
    body = body_of({"traceId": "x" * 500})
    assert len(body["id"]) < 128
    assert body["id"] == body_of({"traceId": "x" * 500})["id"] != body_of({"traceId": "x" * 501})["id"]


def test_traces_of_evaluators_are_known() -> None:
    assert is_evaluator(RootTrace.model_validate({**ROOT, "environment": "langfuse-llm-as-a-judge"}))
    assert not is_evaluator(RootTrace.model_validate({**ROOT, "environment": "production"}))


@pytest.mark.parametrize(
    ("fields", "kind", "value", "flags"),
    [
        ({"value": 1}, "thumb", True, ()),
        ({"value": 0}, "thumb", False, ("negative_feedback",)),
        ({"value": -1}, "thumb", False, ("negative_feedback",)),
        ({"value": True, "dataType": "BOOLEAN"}, "thumb", True, ()),
        ({"value": 0.7}, "score", 0.7, ()),
        ({"value": "down", "dataType": "CATEGORICAL"}, "thumb", "down", ("negative_feedback",)),
        ({"name": "stars", "value": 1}, "rating", 1.0, ("negative_feedback",)),
        ({"name": "stars", "value": 5}, "rating", 5.0, ()),
        ({"name": "opinion", "value": "wrong", "dataType": "CATEGORICAL"}, "label", "wrong", ("negative_feedback",)),
        ({"name": "opinion", "value": "helpful", "dataType": "CATEGORICAL"}, "label", "helpful", ()),
        ({"name": "reward", "value": 0.49}, "score", 0.49, ("low_reward",)),
        ({"name": "reward", "value": 0.5}, "score", 0.5, ()),
        ({"name": "toxic", "value": False, "dataType": "BOOLEAN"}, "score", 0.0, ()),
        ({"name": "note", "value": "Too long", "dataType": "TEXT"}, "comment", "Too long", ()),
        ({"name": "fix", "value": "In Rome.", "dataType": "CORRECTION"}, "correction", "In Rome.", ()),
    ],
)
def test_scores_have_kinds(fields: dict[str, Any], kind: str, value: Any, flags: tuple[str, ...]) -> None:
    body, found = feedback_of(**fields)
    assert (body["kind"], body["value"], found) == (kind, value, flags)


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": {"kind": "session", "id": "s"}},
        {"name": "ratchet.regression"},
        {"value": None},
        {"value": "", "dataType": "TEXT"},
        {"dataType": "VIDEO"},
    ],
)
def test_scores_that_are_no_feedback_are_left_out(fields: dict[str, Any]) -> None:
    assert score_item(Score.model_validate({**SCORE, **fields}), MAPPING) is None


def test_scores_of_observations_are_about_their_trace() -> None:
    body, _ = feedback_of(subject={"kind": "observation", "id": "o", "traceId": "t1"})
    assert body["execution_id"] == "langfuse-t1"


def test_changed_score_is_a_new_feedback() -> None:
    first, again, other = feedback_of()[0], feedback_of()[0], feedback_of(value=0)[0]
    assert first == again
    assert first["id"] != other["id"] != feedback_of(value=0, comment="no")[0]["id"]
