"""Large batches are sent compressed, or plain to a server without support; each item counts once."""

import json
import zlib
from collections.abc import Callable, Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet import Ratchet
from ratchet.client.batches import Batch, Delivered, Retry
from ratchet.client.recorded_items import RecordedItem
from ratchet.client.transport import COMPRESSED_FROM, BatchPoster
from tests.support.ratchet_server import FakeServer

LONG = "How long may I send an item back, and who pays for it? " * 100
BODY = json.dumps([{"id": "1", "target": "chat", "input": LONG}]).encode()
BATCH = Batch("executions", "k", (RecordedItem("executions", "1", BODY[1:-1]),), BODY)


@pytest.fixture
def client(server: FakeServer) -> Iterator[Ratchet]:
    with Ratchet("http://ratchet", "k", transport=server.transport()) as ratchet:
        yield ratchet


def encodings(server: FakeServer) -> list[str | None]:
    return [request.headers.get("content-encoding") for request in server.requests]


def test_only_a_large_batch_is_compressed(client: Ratchet, server: FakeServer) -> None:
    small = client.record("chat", input="Why?")
    assert client.flush()
    large = client.record("chat", input=LONG)
    assert client.flush()
    assert encodings(server) == [None, "gzip"]
    assert len(server.requests[1].content) < len(LONG) / 4
    assert server.bodies[large]["input"] == LONG
    assert server.effects == {small: 1, large: 1}


def test_a_retry_sends_the_same_compressed_bytes_under_the_same_key(client: Ratchet, server: FakeServer) -> None:
    server.lost_answers = 2
    server.faults = [lambda request: httpx.Response(503)]
    execution = client.record("chat", input=LONG)
    assert client.flush(60)
    assert len({(request.headers["idempotency-key"], request.content) for request in server.requests}) == 1
    assert encodings(server) == ["gzip"] * 4
    assert server.effects == {execution: 1}


def test_server_without_compression_gets_the_same_batch_plain(client: Ratchet, server: FakeServer) -> None:
    server.reads_gzip = False
    ids = []
    for _ in range(3):
        ids.append(client.record("chat", input=LONG))
        assert client.flush()
    assert encodings(server) == ["gzip", None, None, None], "compression is tried once"
    assert server.requests[0].headers["idempotency-key"] == server.requests[1].headers["idempotency-key"]
    assert server.effects == dict.fromkeys(ids, 1)
    assert (client.counters.sent, client.counters.refused, client.counters.retries) == (3, 0, 0)


@pytest.mark.parametrize("status", [400, 415])
def test_server_that_ignores_the_encoding_gets_plain_batches(status: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        try:
            return httpx.Response(200, json={"results": [{"status": "accepted"} for _ in json.loads(request.content)]})
        except ValueError:
            return httpx.Response(status, json={"detail": "body: must be JSON"})

    assert poster(answer).post(BATCH) == Delivered()


def test_lost_response_to_the_plain_batch_is_retried(server: FakeServer) -> None:
    server.reads_gzip = False
    server.lost_answers = 1
    sending = poster(server.answer)
    assert sending.post(BATCH) == Retry("ReadTimeout")
    assert sending.post(BATCH) == Delivered(duplicates=1)
    assert server.effects == {"1": 1}


def test_batch_unreadable_in_both_forms_keeps_compression(client: Ratchet, server: FakeServer) -> None:
    def unreadable(request: httpx.Request) -> httpx.Response | None:
        server.faults.append(unreadable)
        body = request.content
        body = zlib.decompress(body, 31) if "content-encoding" in request.headers else body
        return httpx.Response(400, json={"detail": "NUL"}) if b'"poison"' in body else None

    server.faults = [unreadable]
    poison = client.record("poison", input=LONG)
    good = [client.record("chat", input=LONG) for _ in range(5)]
    assert client.flush()
    assert server.effects == dict.fromkeys(good, 1)
    assert poison not in server.effects
    assert (client.counters.sent, client.counters.refused) == (5, 1)
    after = client.record("chat", input=LONG)
    assert client.flush()
    assert (encodings(server)[-1], server.effects[after]) == ("gzip", 1)


@given(st.lists(st.sampled_from(["lost before", "lost after", "503", "downgrade", "upgrade"]), max_size=12))
def test_each_item_counts_once_with_a_changing_server(fates: list[str]) -> None:
    server, pending = FakeServer(), list(fates)

    def answer(request: httpx.Request) -> httpx.Response:
        fate = pending.pop(0) if pending else ""
        if fate == "lost before":
            raise httpx.ConnectError("away")
        if fate == "503":
            return httpx.Response(503)
        if fate in ("downgrade", "upgrade"):
            server.reads_gzip = fate == "upgrade"
        server.lost_answers = int(fate == "lost after")
        return server.answer(request)

    sending = poster(answer)
    outcomes = [sending.post(BATCH) for _ in range(len(fates) + 2)]
    assert isinstance(outcomes[-1], Delivered)
    assert not any(outcome.refused for outcome in outcomes if isinstance(outcome, Delivered))
    assert server.effects == {"1": 1}


def test_a_batch_below_the_limit_of_size_is_never_compressed() -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("content-encoding"))
        return httpx.Response(200, json={"results": [{"status": "accepted"}]})

    sending = poster(answer)
    for size in (COMPRESSED_FROM - 1, COMPRESSED_FROM):
        sending.post(Batch("executions", "k", BATCH.items, b" " * size))
    assert seen == [None, "gzip"]


def poster(answer: Callable[[httpx.Request], httpx.Response]) -> BatchPoster:
    client = httpx.Client(base_url="http://ratchet", transport=httpx.MockTransport(answer))
    return BatchPoster(lambda: client, 10.0)
