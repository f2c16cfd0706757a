"""Whatever spans a request has: translation never fails, and each body is JSON that validation reads or refuses."""

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from collector.api.otlp_codec import JSON, PROTOBUF, decode_spans
from collector.domain.ingestion import ItemResult
from collector.domain.otlp import conventions
from collector.domain.otlp.partial_success import partial_success
from collector.domain.otlp.span import ExportedSpan, SpanEvent, SpanKey
from collector.domain.otlp.transcript import INPUTS, OUTPUTS
from collector.domain.otlp.translation import translate
from collector.domain.validation import parse_item
from shared.problems import Problem
from tests.support.soak import scaled
from tests.support.spans import MODEL, RESOURCE, START, export_request
from tests.unit.collector.test_validation import CONTEXT

EXAMPLES = scaled(25, 1_000)

_KNOWN = sorted({
    *conventions.NO_ATTRIBUTES, *(name.removeprefix("event ") for name, _ in (*INPUTS, *OUTPUTS)),
    *(f"{prefix}0.{member}" for prefix in conventions.NO_ATTRIBUTE_PREFIXES for member in (
        "role", "content", "message.role", "message.content", "message.contents.0.message_content.text",
        "message.tool_calls.0.tool_call.function.name", "tool_calls.0.name", "tool.json_schema", "document.content",
        "annotation.name", "annotation.score", "evaluation.label", "prompt.text", "1.2.3")),
    "gen_ai.operation.name", "llm.request.type", "error.type", "ratchet.target", "metadata",
})  # fmt: skip
_EVENTS = [
    "gen_ai.user.message", "gen_ai.choice", "gen_ai.content.prompt", "gen_ai.evaluation.result", "exception",
    "gen_ai.client.inference.operation.details", "db.query.result", "other",
]  # fmt: skip
_EVENT_FIELDS = [
    "content", "role", "message", "tool_calls", "gen_ai.event.content", "gen_ai.prompt", "gen_ai.evaluation.name",
    "gen_ai.evaluation.score.value", "gen_ai.evaluation.score.label", "gen_ai.evaluation.explanation",
    "gen_ai.input.messages", "exception.type", "db.query.result.document",
]  # fmt: skip
_WORDS = [
    "chat", "LLM", "RETRIEVER", "CHAIN", "embeddings", "", " ", "NaN", "x" * 300, "a\nb", "a\0b", "[1, [2]]", '{"a":',
    '[{"role": "user", "content": "hi"}]', '[{"role": "assistant", "parts": [{"type": "text", "content": "x"}]}]',
    '{"role": 5, "parts": {"type": []}}', '[{"type": "function", "function": 5}]', "[]", "{}", '{"messages": 5}',
    '[{"content": {"a": 1}, "tool_calls": [5, {"function": {"name": 3}}]}]', '"\\ud800"', '["\\u0000"]', "[1e999]",
]  # fmt: skip
_SCALARS: st.SearchStrategy[Any] = (
    st.sampled_from(_WORDS)
    | st.text(max_size=20)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.booleans()
    | st.none()
)
_MEMBERS = st.sampled_from(["role", "content", "parts", "type", "name", "text", "function", "arguments"])
_OBJECTS = st.dictionaries(_MEMBERS, _SCALARS | st.lists(_SCALARS, max_size=2), max_size=3)
_VALUES = _SCALARS | _OBJECTS | st.lists(_SCALARS | _OBJECTS, max_size=3)
_ATTRIBUTES: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(_KNOWN) | st.text(max_size=5), _VALUES, max_size=6
)
_IDS = st.sampled_from(["1" * 16, "2" * 16, "3" * 16, "0" * 16, "", "ab"])
_TRACES = st.sampled_from(["a" * 32, "b" * 32, "0" * 32, ""])
_TIMES = st.sampled_from([0, 1, START, START + 10**9, 2**64 - 1])
_RESOURCES: st.SearchStrategy[Any] = (
    st.sampled_from([RESOURCE, {}, {"service.name": ["x"]}, {"service.name": "x" * 200}]) | _ATTRIBUTES
)


@st.composite
def spans(draw: st.DrawFn) -> ExportedSpan:
    key = SpanKey(draw(_TRACES), draw(_IDS))
    parent = draw(st.none() | _IDS.map(lambda span_id: SpanKey(key.trace_id, span_id)).filter(lambda it: any(it[1])))
    base = draw(st.sampled_from([MODEL, {}, {"openinference.span.kind": "LLM"}]))
    events = draw(st.lists(st.builds(SpanEvent, st.sampled_from(_EVENTS), st.dictionaries(
        st.sampled_from(_EVENT_FIELDS), _VALUES, max_size=4), _TIMES), max_size=3))  # fmt: skip
    return ExportedSpan(
        key, parent, draw(_TIMES), draw(_TIMES), draw(st.sampled_from(["unset", "ok", "error"])),
        {**base, **draw(_ATTRIBUTES)}, tuple(events), draw(st.lists(st.just(SpanKey("c" * 32, "d" * 16))).map(tuple)),
        draw(_RESOURCES),
    )  # fmt: skip


@settings(max_examples=EXAMPLES)
@given(st.lists(spans(), max_size=3))
def test_translation_never_fails(found: list[ExportedSpan]) -> None:
    """And repeats itself: a request that an exporter sends again must be a duplicate."""
    translation = translate(found)
    assert to_json(translate(found).items) == to_json(translation.items)
    results = []
    for item in translation.items:
        try:
            results.append(ItemResult(parse_item(item.route, item.body, CONTEXT).id, "accepted"))
        except Problem as problem:
            results.append(ItemResult(None, problem))
    outcome = partial_success(translation, results)
    assert outcome.rejected_spans <= len(found)
    assert bool(outcome.message) == any(isinstance(it.outcome, Problem) for it in results) or translation.rejected


@settings(max_examples=EXAMPLES)
@given(st.lists(spans(), max_size=2), st.data())
def test_damaged_protobuf_is_read_or_refused(found: list[ExportedSpan], data: st.DataObject) -> None:
    content = bytearray(export_request(found).SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    _read_or_refuse(bytes(content), PROTOBUF)


@given(st.binary(max_size=100) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["resourceSpans", "scopeSpans", "spans", "traceId", "attributes", "key", "value", "events",
                         "stringValue", "kvlistValue", "links", "status", "startTimeUnixNano"]), inner, max_size=4),
).map(lambda value: to_json({"resourceSpans": [value]})))  # fmt: skip
def test_any_json_is_read_or_refused(content: bytes) -> None:
    _read_or_refuse(content, JSON)
    _read_or_refuse(content, PROTOBUF)


def _read_or_refuse(content: bytes, encoding: Any) -> None:
    with contextlib.suppress(Problem):
        translate(decode_spans(content, encoding))
