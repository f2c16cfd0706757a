"""Responses that no server should send: none ends the sending thread, floods the server, or is ignored."""

import itertools
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from ratchet import Ratchet
from ratchet.client.batches import Batch, Delivered, Outcome, Retry
from ratchet.client.recorded_items import RecordedItem, with_documents
from ratchet.client.sender_log import LogThrottle
from ratchet.client.transport import MAX_BYTES, BatchPoster
from ratchet.client.used_prompts import UsedPrompt
from ratchet.prompt import from_text
from tests.support.eventually import eventually_sync
from tests.support.ratchet_server import FakeServer

BATCH = Batch("executions", "k", (RecordedItem("executions", "1", b"{}"),), b"[{}]")
DEEP = b"[" * 200_000


def accept(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"results": [{"status": "accepted"} for _ in json.loads(request.content)]})


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(
    "odd",
    [
        httpx.Response(503, headers=[(b"retry-after", "²".encode("latin-1"))]),
        httpx.Response(503, headers=[(b"retry-after", "²".encode())]),
        httpx.Response(200, content=DEEP),
        httpx.Response(503, content=DEEP),
        httpx.Response(200, content=b'{"results": [' + b"9" * 5_000 + b"]}"),
        httpx.Response(200, content=b" " * (MAX_BYTES + 1)),
        httpx.Response(301, headers={"location": "http://elsewhere"}),
    ],
)
def test_unexpected_response_is_retried(odd: httpx.Response) -> None:
    server = FakeServer()
    server.faults = [lambda request: odd]
    with Ratchet("http://ratchet", "k", transport=server.transport()) as client:
        ids = [client.record("chat")]
        assert client.flush()
        ids.append(client.record("chat"))
        assert client.flush()
        assert server.effects == dict.fromkeys(ids, 1)
        assert client.counters.retries == 1


def test_unreadable_rejection_is_a_rejection() -> None:
    answers = itertools.chain([httpx.Response(400, content=DEEP)], itertools.repeat(None))
    transport = httpx.MockTransport(lambda request: next(answers) or accept(request))
    with Ratchet("http://ratchet", "k", transport=transport) as client:
        client.record("chat")
        assert client.flush()
        client.record("chat")
        assert client.flush()
        assert (client.counters.refused, client.counters.sent) == (1, 1)


def test_a_log_handler_that_fails_does_not_end_the_thread() -> None:
    def fail(record: logging.LogRecord) -> bool:
        if threading.current_thread().name == "ratchet-sender":
            raise KeyError("no such field")
        return True

    server, log = FakeServer(), logging.getLogger("ratchet")
    server.refuse = lambda item: "no" if item["target"] == "bad" else None
    log.addFilter(fail)
    try:
        with Ratchet("http://ratchet", "k", transport=server.transport()) as client:
            for target in ("bad", "chat"):
                client.record(target)
                assert client.flush()
            assert (client.counters.refused, client.counters.sent) == (1, 1)
    finally:
        log.removeFilter(fail)


def test_reason_of_a_server_is_truncated(caplog: pytest.LogCaptureFixture) -> None:
    server = FakeServer()
    server.refuse = lambda item: "x" * 100_000
    with Ratchet("http://ratchet", "k", transport=server.transport()) as client:
        client.record("chat")
        assert client.flush()
    assert 1_000 <= caplog.text.count("x") < 2_000


def test_too_deeply_nested_document_is_omitted() -> None:
    prompt = from_text("Hello")
    deep = RecordedItem("executions", "1", DEEP, (UsedPrompt("answer", prompt.digest, prompt),))
    assert with_documents(deep, frozenset({prompt.digest})) == DEEP


class Dripping(httpx.SyncByteStream):
    """Endless spaces; records whether the response was closed."""

    def __init__(self, size: int) -> None:
        self._size, self.given, self.closed = size, 0, False

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(10_000):
            self.given += self._size
            yield b" " * self._size
        raise AssertionError("read to its end")

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(("size", "step", "why"), [(1, 0.01, "takes too long"), (10_000, 0.0, "too long")])
def test_response_size_is_limited(size: int, step: float, why: str) -> None:
    body, ticks = Dripping(size), itertools.count()
    client = httpx.Client(
        base_url="http://ratchet", transport=httpx.MockTransport(lambda request: httpx.Response(200, stream=body))
    )
    poster = BatchPoster(lambda: client, 10.0, lambda: next(ticks) * step)
    result = poster.post(BATCH)
    assert isinstance(result, Retry)
    assert why in result.reason
    assert body.closed
    assert body.given <= MAX_BYTES + size
    poster.close()


def test_http_client_creation_is_retried() -> None:
    made: list[Callable[[], httpx.Client]] = []

    def new_client() -> httpx.Client:
        return made.pop()()

    def broken() -> httpx.Client:
        raise ImportError("no socksio")

    poster = BatchPoster(new_client, 10.0)
    made.append(broken)
    assert poster.post(BATCH) == Retry("the HTTP client can't be created: ImportError: no socksio", misconfigured=True)
    made.append(lambda: httpx.Client(base_url="http://ratchet", transport=httpx.MockTransport(accept)))
    for _ in range(2):
        assert poster.post(BATCH) == Delivered()
    poster.close()


@pytest.mark.parametrize("status", [301, 401, 403, 404])
def test_a_misconfiguration_is_logged_once(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ratchet")
    server = FakeServer()
    server.faults = [lambda request: httpx.Response(status)] * 3
    with Ratchet("http://ratchet", "k", transport=server.transport()) as client:
        client.record("chat")
        assert client.flush()
    assert warnings(caplog) == [f"ratchet: 1 executions will be sent again: the server answered {status}"]
    assert caplog.text.count(f"the server answered {status}") == 3


def test_a_failure_is_a_warning_when_it_changes_or_lasts() -> None:
    throttle = LogThrottle()

    def is_logged(reason: str, now: float, misconfigured: bool = False) -> bool:
        return throttle.level(reason, misconfigured, now) == logging.WARNING

    assert [is_logged("503", now) for now in (0.0, 30.0, 61.0, 90.0, 500.0)] == [False, False, True, False, False]
    assert [is_logged(reason, 501.0, True) for reason in ("401", "401", "403")] == [True, False, True]
    throttle.reset()
    assert [is_logged("401", 600.0, True), is_logged("503", 700.0), is_logged("401", 701.0, True)] == [
        True,
        False,
        False,
    ]


def test_failing_route_is_logged_while_the_other_works(caplog: pytest.LogCaptureFixture) -> None:
    """A success between two failures of the other route must not make the second failure news."""
    refused = threading.Event()
    left = [3]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/feedback" and left[0]:
            left[0] -= 1
            refused.set()
            return httpx.Response(403)
        return accept(request)

    with Ratchet("http://ratchet", "k", transport=httpx.MockTransport(answer)) as client:
        client.feedback("e", kind="thumb", value=True)
        assert refused.wait(60)
        eventually_sync(lambda: client.record("chat") and left[0] == 0)
        assert client.flush()
    assert len(warnings(caplog)) == 1


def resolve_all(results: list[Any]) -> Outcome:
    body = json.dumps({"results": results}).encode()
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=body))
    return BatchPoster(lambda: httpx.Client(base_url="http://ratchet", transport=transport), 10.0).post(BATCH)


@pytest.mark.parametrize("entry", [{"status": []}, {"status": {}}, {"status": "refused", "problem": {"detail": [[]]}}])
def test_result_of_any_type_has_an_outcome(entry: object) -> None:
    assert isinstance(resolve_all([entry]), Delivered)
