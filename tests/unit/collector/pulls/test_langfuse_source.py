"""Reading of a Langfuse server: faults, limits of requests and of sizes."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from collector.domain.pulls.pull_window import Slice
from collector.domain.pulls.pulled_item import PulledItem
from collector.pulls import langfuse_source
from collector.pulls.langfuse_source import LangfuseSource
from collector.pulls.pull_source import SliceTooLarge, SourceError, Stopped
from tests.support.langfuse import Langfuse, ScriptedResponse, error_response
from tests.support.pulls import ENVIRON, ago, langfuse_pull, server_with_traces, support_trace

WINDOW = Slice(ago(hours=6), ago(minutes=10))
Read = Callable[..., list[PulledItem]]
CUT = ScriptedResponse(body=b'{"data": [{"id": "x", ', cut=10)


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def read(waits: list[float]) -> Read:
    def read(server: Langfuse, part: Slice = WINDOW, **options: Any) -> list[PulledItem]:
        def wait(seconds: float) -> bool:
            waits.append(seconds)
            return False

        source = LangfuseSource(langfuse_pull(**options), server.client(), wait, ENVIRON)
        return [item for group in source.read(part) for item in group]

    return read


@pytest.mark.parametrize("fault", [error_response(500), CUT, ScriptedResponse(dropped=True)])
@pytest.mark.parametrize("path", ["/api/public/v2/observations", "/api/public/v3/scores"])
def test_transient_faults_are_retried(read: Read, waits: list[float], fault: ScriptedResponse, path: str) -> None:
    server = server_with_traces()
    server.faults[path] = [fault, fault]
    assert len(read(server)) == 6
    assert [wait for wait in waits if wait >= 0.5] == [1.0, 2.0]


def test_retry_after_is_waited_for(read: Read, waits: list[float]) -> None:
    server = server_with_traces()
    server.faults["/api/public/v3/scores"] = [error_response(429, retry_after="7")]
    assert len(read(server)) == 6
    assert 7.0 in waits


def test_requests_are_spaced_by_the_plan_s_limit(read: Read, waits: list[float]) -> None:
    server = server_with_traces()
    read(server, requests_per_minute=30)
    assert len(waits) == len(server.requests) - 1
    assert all(later - sooner <= 2.0 for sooner, later in zip([0.0, *waits], waits, strict=False))
    assert waits[-1] == pytest.approx(2.0 * len(waits), abs=1.0)  # no time passes in this test


@pytest.mark.parametrize(
    ("path", "faults", "code"),
    [
        ("/api/public/health", [ScriptedResponse(body=b'{"status": "OK", "version": "new"}')], "invalid-answer"),
        ("/api/public/v2/observations", [error_response(401)], "access-denied"),
        ("/api/public/v3/scores", [error_response(403)], "access-denied"),
        ("/api/public/v3/scores", [error_response(404)], "invalid-answer"),
        ("/api/public/v2/observations", [ScriptedResponse(dropped=True)] * 5, "unreachable"),
        ("/api/public/v2/observations", [CUT] * 5, "invalid-answer"),
    ],
)
def test_lasting_faults_have_a_code(read: Read, path: str, faults: list[ScriptedResponse], code: str) -> None:
    server = server_with_traces()
    server.faults[path] = faults
    with pytest.raises(SourceError) as caught:
        read(server)
    assert caught.value.code == code
    assert "sk-lf" not in str(caught.value)


def test_time_out_is_unreachable(waits: list[float]) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    client = httpx.Client(transport=httpx.MockTransport(respond), base_url="http://langfuse.test")
    source = LangfuseSource(langfuse_pull(), client, lambda seconds: False, ENVIRON)
    with pytest.raises(SourceError, match="unreachable: ReadTimeout"):
        list(source.read(WINDOW))


def test_duplicates_and_any_order_of_pages_give_each_item_once(read: Read) -> None:
    server = server_with_traces(count=9)
    server.max_page_size, server.page_overlap = 4, 1
    items = read(server, Slice(ago(hours=24), ago(minutes=10)))
    assert len({item.key for item in items}) == 12
    assert {item.body["cost"] for item in items if item.route == "executions"} == {0.002}
    scores = [item for item in items if item.route == "feedback"]
    assert scores == sorted(scores, key=lambda item: item.at)


def test_too_many_calls_ask_for_a_shorter_slice(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(langfuse_source, "MAX_CALLS", 2)
    with pytest.raises(SliceTooLarge):
        read(server_with_traces())


def test_large_answers_are_read_in_smaller_pages(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Langfuse()
    for number in range(30):
        server.observations += support_trace(f"t{number}", ago(hours=1, minutes=number), output="x" * 1000)
    monkeypatch.setattr(langfuse_source, "MAX_RESPONSE", 36_000)
    items = {item.body["trace_id"]: item for item in read(server)}
    assert len(items) == 30
    assert all("output" in item.body for item in items.values())
    assert {params["limit"] for _, _, params in server.requests if "isRootObservation" in params} == {"100", "20"}


def test_texts_are_left_out_where_even_few_are_too_large(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Langfuse()
    server.observations += support_trace("t1", ago(hours=1), output="x" * 50_000)
    monkeypatch.setattr(langfuse_source, "MAX_RESPONSE", 10_000)
    (item,) = read(server)
    assert "output" not in item.body
    assert item.body["usage"]["output_tokens"] == 30


def test_prompt_version_is_read_once(read: Read) -> None:
    server = server_with_traces(count=5)
    items = read(server)
    assert all("document" in item.body["prompts"][0] for item in items if item.route == "executions")
    assert sum("/v2/prompts/" in path for path in server.paths()) == 1
    server.prompts.clear()
    assert "document" not in json.dumps([item.body for item in read(server)])


def test_process_that_ends_stops_waits() -> None:
    source = LangfuseSource(
        langfuse_pull(requests_per_minute=1), server_with_traces().client(), lambda _: True, ENVIRON
    )
    with pytest.raises(Stopped):
        list(source.read(WINDOW))
