"""Which spans of a request are recorded, and how they refer to each other."""

import pytest

from collector.domain.ingestion import ItemResult
from collector.domain.otlp.classification import role_of_span
from collector.domain.otlp.partial_success import PartialSuccess, partial_success
from collector.domain.otlp.span import ExportedSpan, SpanEvent
from collector.domain.otlp.translation import Translation, translate
from shared.problems import Problem, invalid
from tests.support.spans import MODEL, SPAN, START, TRACE, span

AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner", "gen_ai.request.model": "gpt-4o"}
RETRIEVER = {
    "openinference.span.kind": "RETRIEVER",
    "retrieval.documents.1.document.content": "second",
    "retrieval.documents.0.document.content": "first",
    "retrieval.documents.0.document.score": 0.9,
}


@pytest.mark.parametrize(
    ("attributes", "role"),
    [
        ({}, "other"),
        ({"http.request.method": "POST"}, "other"),
        ({"gen_ai.operation.name": "chat"}, "call"),
        ({"gen_ai.operation.name": "text_completion"}, "call"),
        ({"gen_ai.operation.name": "generate_content"}, "call"),
        ({"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "e"}, "other"),
        (AGENT, "other"),
        ({"gen_ai.operation.name": "own", "gen_ai.request.model": "m"}, "call"),
        ({"gen_ai.operation.name": ["chat"]}, "other"),
        ({"gen_ai.system": "openai", "gen_ai.request.model": "m"}, "call"),
        ({"gen_ai.request.model": "m", "llm.request.type": "embedding"}, "other"),
        ({"llm.request.type": "completion"}, "call"),
        ({"traceloop.span.kind": "workflow"}, "other"),
        ({"openinference.span.kind": "LLM"}, "call"),
        ({"openinference.span.kind": "EMBEDDING", "gen_ai.operation.name": "chat"}, "other"),
        ({"openinference.span.kind": "CHAIN"}, "other"),
        (RETRIEVER, "retrieval"),
        ({"gen_ai.operation.name": "retrieval"}, "retrieval"),
        ({"gen_ai.operation.name": "execute_tool"}, "tool"),
        ({"openinference.span.kind": "TOOL"}, "tool"),
        ({"traceloop.span.kind": "tool"}, "tool"),
        ({"ai.toolCall.name": "search"}, "tool"),
    ],
)
def test_role(attributes: dict[str, object], role: str) -> None:
    assert role_of_span(span(attributes)) == role


def ids(found: Translation) -> list[tuple[str, str | None]]:
    """Return the span ids of executions and of their parents."""
    return [
        (item.body["id"][33:], item.body["parent_id"][33:] if "parent_id" in item.body else None)
        for item in found.items
    ]


def test_parent_is_the_nearest_call_above() -> None:
    call, agent, tool, inner = ("1" * 16, "2" * 16, "3" * 16, "4" * 16)
    spans = [
        span(MODEL, id=inner, parent=tool),
        span({}, id=tool, parent=agent),
        span(AGENT, id=agent, parent=call),
        span(MODEL, id=call, parent="9" * 16),
    ]
    assert ids(translate(spans)) == [(inner, call), (call, None)]


def test_circles_of_parents_end() -> None:
    a, b, c = ("1" * 16, "2" * 16, "3" * 16)
    spans = [span(MODEL, id=c, parent=a), span({}, id=a, parent=b), span({}, id=b, parent=a)]
    assert ids(translate(spans)) == [(c, None)]
    assert ids(translate([span(MODEL, id=a, parent=a)])) == [(a, None)]


def test_retrieved_documents_are_contexts_of_the_calls_after_them() -> None:
    events = [SpanEvent("db.query.result", {"db.query.result.document": "third"})]
    documents = [{"id": "x", "content": "fourth"}, {"id": "y"}]
    spans = [
        span(RETRIEVER, id="1" * 16),
        span({}, id="2" * 16, events=events),
        span({"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.documents": documents}, id="3" * 16),
        span(MODEL, id="4" * 16, start=START + 10**9),
        span(MODEL, id="5" * 16, start=START - 10**9),
        span(MODEL, id="6" * 16, start=START + 10**9, trace="f" * 32),
    ]
    contexts = [item.body.get("contexts") for item in translate(spans).items]
    first, fourth = {"text": "first", "score": 0.9}, {"text": "fourth", "id": "x"}
    assert contexts == [[first, "second", "third", fourth, {"id": "y"}], None, None]


def test_documents_of_the_call_itself() -> None:
    attributes = {**MODEL, "retrieval.documents.0.document.content": "own", "gen_ai.retrieval.documents": '["text"]'}
    (item,) = translate([span(attributes)]).items
    assert item.body["contexts"] == ["own", "text"]


def test_documents_are_not_multiplied() -> None:
    calls = [span(MODEL, id=f"{number:016x}", start=START + 10**9 * number) for number in range(1, 20)]
    found = translate([span(RETRIEVER, id="f" * 16), *calls])
    assert [bool(item.body.get("contexts")) for item in found.items] == [True] * 4 + [False] * 15


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (span(id="0" * 16), "span_id"),
        (span(trace="0" * 32), "trace_id"),
        (span(id="ab"), "span_id"),
        (span(id=""), "span_id"),
        (span(resource={}), "service.name"),
    ],
)
def test_call_without_ids_or_target_is_rejected(bad: ExportedSpan, reason: str) -> None:
    found = translate([bad, span()])
    assert list(found.rejected) == [0]
    assert reason in found.rejected[0]
    assert len(found.items) == 1


def test_other_spans_without_ids_are_ignored() -> None:
    assert translate([span({}, id="", resource={})])[1:] == ([], {})


def results(*outcomes: str | Problem) -> list[ItemResult]:
    return [ItemResult(None, outcome) for outcome in outcomes]  # type: ignore[arg-type]


def test_nothing_rejected_says_nothing() -> None:
    found = translate([span(), span({}, id="1" * 16)])
    assert partial_success(found, results("accepted")) == PartialSuccess(0, "")
    assert partial_success(found, results("duplicate")) == PartialSuccess(0, "")


def test_rejected_spans_are_counted_with_their_reasons() -> None:
    found = translate([span(), span(id="1" * 16), span(resource={}, id="2" * 16)])
    counted = partial_success(found, results(invalid("model", "is too long"), "accepted"))
    assert counted.rejected_spans == 2
    assert f"{TRACE}-{SPAN} executions: model: is too long." in counted.message
    assert "2" * 16 + " has no target" in counted.message


def test_rejected_feedback_of_a_recorded_span_is_a_warning() -> None:
    unnamed = SpanEvent("gen_ai.evaluation.result", {"gen_ai.evaluation.score.label": "good"})
    found = translate([span(events=[unnamed])])
    counted = partial_success(found, results("accepted", invalid("name", "is missing")))
    assert (counted.rejected_spans, "recorded in part" in counted.message) == (0, True)
    alone = translate([span({}, events=[unnamed])])
    assert partial_success(alone, results(invalid("name", "is missing"))).rejected_spans == 1


def test_spans_without_ids_are_counted_each() -> None:
    assert partial_success(translate([span(id="")] * 3), []).rejected_spans == 3


def test_message_is_bounded() -> None:
    found = translate([span(id=f"{number:016x}") for number in range(1, 1_000)])
    counted = partial_success(found, results(*[invalid("model", "x" * 5_000)] * 999))
    assert counted.rejected_spans == 999
    assert len(counted.message) < 5_000
    assert "989 more" in counted.message
