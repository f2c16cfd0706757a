"""`POST /v1/traces`: what exporters send is stored before the response, once, and refused as OTLP describes."""

import asyncio
import gzip
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collector.api.otlp import TracesEndpoint
from collector.domain.otlp.span import ExportedSpan, SpanEvent
from tests.support.databases import psql
from tests.support.spans import MODEL, SPAN, TRACE, export_request, otlp_json, span

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

PROTOBUF = "application/x-protobuf"
ANSWERED = {
    **MODEL,
    "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "I am a@b.example"}]}]),
    "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "Hello."}]}]),
    "user.id": "ann",
}


async def export(collector: "Running", spans: Sequence[ExportedSpan], **headers: str) -> httpx.Response:
    content = export_request(spans).SerializeToString()
    return await collector.post("traces", content, **{"Content_Type": PROTOBUF, **headers})


def outcome(response: httpx.Response) -> tuple[int, int, str]:
    """Return the status, the rejected spans and the message of a response in protobuf."""
    assert response.headers["content-type"] == PROTOBUF
    partial = ExportTraceServiceResponse.FromString(response.content).partial_success
    return response.status_code, partial.rejected_spans, partial.error_message


async def test_call_is_recorded_scrubbed_and_once(collector: "Running") -> None:
    tool = span({"gen_ai.operation.name": "execute_tool"}, id="1" * 16)
    for _ in range(2):
        response = await export(collector, [span(ANSWERED), tool])
        assert outcome(response) == (200, 0, "")
    (event,) = collector.events("execution.recorded")
    facts = event["facts"]
    assert (facts["execution_id"], facts["trace_id"]) == (f"{TRACE}-{SPAN}", TRACE)
    assert (event["target"], facts["input"], facts["output"]) == ("support-bot", "I am [email]", "Hello.")
    assert facts["user"].startswith("k1:")
    assert collector.count("executions") == 1


async def test_json_and_gzip_leave_the_same_as_protobuf(collector: "Running") -> None:
    document = json.dumps(otlp_json(export_request([span(ANSWERED)]))).encode()
    response = await collector.post("traces", document)
    assert (response.status_code, response.json()) == (200, {})
    assert response.headers["content-type"] == "application/json"
    zipped = gzip.compress(export_request([span(ANSWERED)]).SerializeToString())
    response = await collector.post("traces", zipped, Content_Type=PROTOBUF, Content_Encoding="gzip")
    assert outcome(response) == (200, 0, "")
    assert len(collector.events("execution.recorded")) == 1


async def test_empty_request_is_a_success(collector: "Running") -> None:
    assert outcome(await export(collector, [])) == (200, 0, "")


async def test_feedback_with_the_trace_id_joins_the_call(collector: "Running") -> None:
    """The span of the request above the call is no execution, so the call is the root of its trace."""
    await export(collector, [span(ANSWERED, parent="9" * 16)])
    await collector.post("feedback", {"trace_id": TRACE, "kind": "thumb", "value": True})
    (event,) = collector.events("feedback.created")
    assert event["execution"]["execution_id"] == f"{TRACE}-{SPAN}"


async def test_evaluations_become_scores_and_feedback(collector: "Running") -> None:
    score = SpanEvent(
        "gen_ai.evaluation.result", {"gen_ai.evaluation.name": "Relevance", "gen_ai.evaluation.score.value": 0.5}
    )
    label = SpanEvent(
        "gen_ai.evaluation.result", {"gen_ai.evaluation.name": "Tone", "gen_ai.evaluation.score.label": "kind"}
    )
    for _ in range(2):
        assert outcome(await export(collector, [span(MODEL, events=[score, label])])) == (200, 0, "")
    (recorded,), (created,) = collector.events("execution.recorded"), collector.events("feedback.created")
    assert recorded["scores"] == {"Relevance": 0.5}
    assert (created["name"], created["label"], created["source"]) == ("Tone", "kind", "implicit")


async def test_rejected_spans_are_named_and_the_others_stored(collector: "Running") -> None:
    long = span({**MODEL, "gen_ai.response.model": "x" * 300}, id="1" * 16)
    response = await export(collector, [span(), long, span(id="2" * 16, resource={})])
    status, rejected, message = outcome(response)
    assert (status, rejected) == (200, 2)
    assert "1" * 16 + " executions: model: must have a length of at most 256" in message
    assert "2" * 16 + " has no target" in message
    assert len(collector.events("execution.recorded")) == 1
    in_json = await collector.post("traces", otlp_json(export_request([long])))
    assert in_json.json()["partialSuccess"]["rejectedSpans"] == "1"


async def test_malformed_id_of_json_rejects_its_span_alone(collector: "Running") -> None:
    document = otlp_json(export_request([span(), span(id="1" * 16)]))
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] = "zz"
    answer = await collector.post("traces", document)
    partial = answer.json()["partialSuccess"]
    assert (answer.status_code, partial["rejectedSpans"]) == (200, "1")
    assert "Span at index 0 of the request: trace_id and span_id must have 16 and 8 bytes" in partial["errorMessage"]
    (event,) = collector.events("execution.recorded")
    assert event["facts"]["execution_id"] == f"{TRACE}-{'1' * 16}"


async def test_span_of_another_content_is_rejected(collector: "Running") -> None:
    await export(collector, [span(ANSWERED)])
    status, rejected, message = outcome(await export(collector, [span({**ANSWERED, "gen_ai.response.model": "b"})]))
    assert (status, rejected) == (200, 1)
    assert "model: was recorded with another value" in message


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Return the status and the message of a refusal in protobuf."""
    assert response.headers["content-type"] == PROTOBUF
    return response.status_code, Status.FromString(response.content).message


async def test_refusals_are_statuses(collector: "Running", add_key: Callable[..., str]) -> None:
    content = export_request([span()]).SerializeToString()
    browser = add_key(collector.dsn, "web", "browser-ingest")
    cases: dict[int, tuple[bytes, dict[str, str]]] = {
        400: (b"no protobuf", {}),
        401: (content, {"Authorization": "Bearer rk_x_y"}),
        403: (content, {"Authorization": f"Bearer {browser}"}),
    }
    for expected, (body, headers) in cases.items():
        status, message = refusal(await collector.post("traces", body, **{"Content_Type": PROTOBUF, **headers}))
        assert (status, bool(message)) == (expected, True)
    for headers in ({"Content_Type": "text/plain"}, {"Content_Type": PROTOBUF, "Content_Encoding": "zstd"}):
        assert (await collector.post("traces", content, **headers)).status_code == 415
    malformed = await collector.post("traces", b'{"resourceSpans": 1}')
    assert (malformed.status_code, malformed.json()["code"]) == (400, 3)
    assert malformed.json()["details"][0]["fieldViolations"][0]["field"] == "body"
    assert collector.count("executions") == 0


async def test_sizes_are_limited_also_after_inflating(collector: "Running", instance: Callable[..., Any]) -> None:
    async with instance(collector.dsn, collector.clock, otlp_body_limit=50_000) as limited:
        limited.keys = collector.keys
        plain = await export(limited, [span({**MODEL, "note": "x" * 60_000})])
        bomb = gzip.compress(b"\0" * 20_000_000)
        inflated = await limited.post("traces", bomb, Content_Type=PROTOBUF, Content_Encoding="gzip")
        damaged = await limited.post("traces", bomb[:-9], Content_Type=PROTOBUF, Content_Encoding="gzip")
        assert [it.status_code for it in (plain, inflated, damaged)] == [413, 413, 413]
        cut = gzip.compress(export_request([span()]).SerializeToString())[:-9]
        assert (await limited.post("traces", cut, Content_Type=PROTOBUF, Content_Encoding="gzip")).status_code == 400


async def test_key_over_its_quota_gets_retry_after(collector: "Running", instance: Callable[..., Any]) -> None:
    async with instance(collector.dsn, collector.clock, rate_limit_key=1) as limited:
        limited.keys = collector.keys
        answers = [await export(limited, [span()]) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert int(answers[2].headers["retry-after"]) >= 1
        assert Status.FromString(answers[2].content).code == 8


@pytest.mark.parametrize("state", ["53100", "25006"])
async def test_nothing_is_accepted_while_the_database_cannot_write(collector: "Running", state: str) -> None:
    psql(
        collector.dsn,
        f"""CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS
              $$BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = 'injected'; END$$;
            CREATE TRIGGER injected BEFORE INSERT ON collector.outbox FOR EACH ROW EXECUTE FUNCTION public.fail()""",
    )
    refused = await export(collector, [span()])
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    psql(collector.dsn, "DROP TRIGGER injected ON collector.outbox")
    assert outcome(await export(collector, [span()])) == (200, 0, "")
    assert len(collector.events("execution.recorded")) == 1


async def test_span_sent_many_times_at_once_is_recorded_once(collector: "Running") -> None:
    answers = await asyncio.gather(*(export(collector, [span(ANSWERED)] * 20) for _ in range(20)))
    assert {outcome(answer) for answer in answers} == {(200, 0, "")}
    assert len(collector.events("execution.recorded")) == 1


async def test_large_request_is_stored_whole(collector: "Running") -> None:
    spans = [span({**MODEL, "note": "x" * 500}, id=f"{number:016x}") for number in range(1, 2_501)]
    assert outcome(await export(collector, spans)) == (200, 0, "")
    assert collector.count("executions") == 2_500


async def test_other_methods_and_queries(collector: "Running") -> None:
    assert (await collector.client.get("/v1/traces")).text == "elsewhere"
    assert (await collector.post("traces?a=b", b"", Content_Type=PROTOBUF)).status_code == 400


async def test_slow_request_is_given_up(collector: "Running", instance: Callable[..., Any]) -> None:
    async with instance(collector.dsn, collector.clock, receipt_seconds=0.05) as impatient:
        authorization = {"Authorization": f"Bearer {collector.keys['ingest']}", "Content-Type": PROTOBUF}
        messages = iter([{"type": "http.request", "body": b"\x0a", "more_body": True}])
        assert await _status(impatient, authorization, messages) == 408


async def _status(collector: "Running", headers: dict[str, str], messages: Any) -> int:
    """Return the status of a request whose body does not end."""

    async def receive() -> Any:
        found = next(messages, None)
        return found if found is not None else await asyncio.Event().wait()

    parts = collector.parts
    endpoint = TracesEndpoint(parts.service, parts.platform.keys, parts.settings, parts.platform.limiter)
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/v1/traces", "query_string": b"", "headers": pairs,
             "client": ("192.0.2.1", 1)}  # fmt: skip
    return (await endpoint.respond(scope, receive)).status
