"""Requests that skip the HTTP parser get the same answers as through it and ASGI, and leave the same rows."""

import asyncio
import contextlib
import gzip
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from collector.api.fast_path import fast_path
from collector.api.ingest import IngestEndpoint, IngestMiddleware
from collector.domain.validation import parse_object
from collector.ingest.service import IngestService, PostedObject
from shared.web.connection_limits import ConnectionLimits, guard_connections
from tests.support.databases import psql
from tests.support.eventually import eventually
from tests.support.soak import scaled

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

BODY = b'{"execution_id": "e1", "kind": "thumb", "value": true, "user": "ann"}'
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|k1:[0-9a-f]{32}")
"""Random ids, and pseudonyms, whose key is random."""
_NOT_HTTP = b"Invalid HTTP request received."
_QUOTA = re.compile(rb'"(key|address)";r=\d+;t=\d+')


class Transport:
    """A connection whose writes are kept. `data_received` is called by the test, a call a read."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False
        self.readable = asyncio.Event()
        self.readable.set()

    def write(self, data: bytes) -> None:
        if not self.closed:
            self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.readable.clear()

    def resume_reading(self) -> None:
        self.readable.set()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return {"peername": ("192.0.2.1", 1), "sockname": ("192.0.2.2", 2)}.get(name, default)


def _counting_endpoint(parts: Any, submitted: list[bool]) -> IngestEndpoint:
    """Return an endpoint that adds to `submitted` whether the fast path answered each request."""

    class Counting(IngestEndpoint):
        def submit(self, *arguments: Any, **named: Any) -> bool:
            submitted.append(True)  # if it raises, that is the answer
            submitted[-1] = super().submit(*arguments, **named)
            return submitted[-1]

    return Counting(parts.service, parts.platform.keys, parts.settings, parts.platform.limiter)


class Server:
    """A collector behind uvicorn's protocol, without sockets."""

    def __init__(self, running: "Running", fast: bool) -> None:
        parts = running.parts
        self.running = running
        self.submitted: list[bool] = []
        self.endpoint = _counting_endpoint(parts, self.submitted)
        app = IngestMiddleware(_elsewhere, self.endpoint)
        protocol = guard_connections(fast_path(self.endpoint) if fast else HttpToolsProtocol, ConnectionLimits())
        self.config = uvicorn.Config(app, http=protocol, log_config=None, access_log=False, ws="none")
        self.config.load()
        self.state = ServerState()

    @property
    def fast(self) -> int:
        """How many requests the fast path has answered."""
        return sum(self.submitted)

    def connect(self) -> tuple[Any, Transport]:
        transport = Transport()
        make: Any = self.config.http_protocol_class
        protocol = make(self.config, self.state, {}, asyncio.get_running_loop())
        protocol.connection_made(transport)
        return protocol, transport

    async def exchange(self, reads: Sequence[bytes], answers: int) -> tuple[bytes, bool]:
        """Return what came back, without what differs between two runs, and whether the connection was closed."""
        protocol, transport = self.connect()
        for read in reads:
            await transport.readable.wait()
            if not transport.closed:
                protocol.data_received(read)
            await asyncio.sleep(0)
        await eventually(lambda: transport.closed or _answers(transport.written) >= answers)
        await asyncio.sleep(0)
        found = transport.written, transport.closed
        protocol.connection_lost(None)
        if _NOT_HTTP in found[0]:  # sent at once, before or after answers that are under way
            return _NOT_HTTP, found[1]
        return _QUOTA.sub(rb"\1", _UUID.sub(b"uuid", found[0])), found[1]

    def rows(self) -> list[str]:
        """Return the rows of all tables that intake writes, without ids that are random."""
        dsn = self.running.dsn
        tables = {
            "receipts": "length(body)", "executions": "target, facts, recorded_values",
            "current_feedback": "value, label",
            "waiting": "convert_from(payload, 'UTF8')", "outbox_messages": "topic, convert_from(payload, 'UTF8')",
        }  # fmt: skip
        found = []
        for table, columns in tables.items():
            text = psql(dsn, f"SELECT {columns} FROM collector.{table}")
            found += sorted(_UUID.sub(b"uuid", text.encode()).decode().splitlines())
        return found


def _answers(written: bytes) -> int:
    return written.count(b"HTTP/1.1 ") - written.count(b"HTTP/1.1 100 ")


async def _elsewhere(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def servers(
    migrated_dsn: Callable[..., str],
    clock: Any,
    instance: Callable[..., Any],
    add_key: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[tuple[Server, Server]]:
    """A server with the fast path and one without it, each on a database of its own; keys stay cached."""
    monkeypatch.setattr("shared.auth.keys._FRESH_S", 1e6)
    async with contextlib.AsyncExitStack() as stack:
        made = []
        for fast in (True, False):
            dsn = migrated_dsn("collector")
            running = await stack.enter_async_context(instance(dsn, clock, body_limit=21_000))
            for name, scope in (("ingest", "ingest"), ("browser", "browser-ingest"), ("reader", "read")):
                running.keys[name] = add_key(dsn, name, scope)
            made.append(Server(running, fast))
        yield made[0], made[1]


def request(body: bytes = BODY, path: bytes = b"/v1/feedback", method: bytes = b"POST", version: bytes = b"1.1",
            key: bytes = b"ingest", headers: Sequence[bytes] = (), chunked: bool = False) -> bytes:  # fmt: skip
    """Return the bytes of a request."""
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    content = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked and body else body
    lines = [b"Host: collector", b"Authorization: Bearer rk_%b_%b" % (key, b"s" * 43), length, *headers]
    return b"%b %b HTTP/%b\r\n%b\r\n\r\n%b" % (method, path, version, b"\r\n".join(lines), content)


BODIES = st.sampled_from([
    BODY, BODY.replace(b"true", b"false"), BODY.replace(b"true", b'"sideways"'), BODY.replace(b"kind", b"kindness"),
    b"\n " + BODY, b"[" + BODY + b"," + BODY + b"]", b"[]", b"", b"{", b"{}", b"null", b"\xff", b'{"a": 1, "a": 2}',
    BODY.replace(b"ann", b"a\\u0000"), BODY[:-1] + b', "value": NaN}', BODY + b"x", b"{" + b" " * 19_990 + BODY[1:],
    b"{" + b" " * 21_000 + BODY[1:], gzip.compress(BODY, mtime=0), b'{"target": "bot", "id": "e1", "output": "42"}',
    b'{"target": "bot", "id": "e1", "output": "43"}', BODY[:-1] + b', "project": "other"}',
    BODY[:-1] + b', "id": "00000000-0000-0000-0000-000000000001"}',
])  # fmt: skip
HEADERS = st.lists(st.sampled_from([
    b"Idempotency-Key: k1", b"Idempotency-Key: k2", b"Idempotency-Key: k k", b"Content-Type: application/json",
    b"Content-Type: Application/JSON; charset=utf-8", b"Content-Type: text/plain", b"Content-Encoding: gzip",
    b"Content-Encoding: br", b"Connection: close", b"Connection: keep-alive", b"Expect: 100-continue",
    b"Date: Sat, 21 Nov 2026 13:00:00 GMT", b"Date: yesterday", b"X-Forwarded-For: 192.0.2.9",
    b"Traceparent: 00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", b"Authorization: Bearer nonsense",
    b"Upgrade: websocket\r\nConnection: upgrade", b"Connection: Keep-Alive, close", b"Content-Length: 5",
    b"Transfer-Encoding: x", b"Idempotency-Key:k1", b"Idempotency-Key:  k1", b"Idempotency-Key: k1 ",
    b"Idempotency-Key: k1\t", b"idempotency-KEY: k1", b"Idempotency-Key:", b"Idempotency-Key: ", b"Idempotency-Key : k",
    b" Idempotency-Key: k1", b"X-Any_Name!: 1", b"X (Y): 1", b"X-Text: \xe9\x80", b"X-Text: a\x01b", b"X-Text: a\rb",
    b"X-Text: a\nb", b"X-Text: a\x7fb", b"X-Text: a: b", b"Host", b"",
]), max_size=3)  # fmt: skip
PATHS = st.sampled_from([b"/v1/feedback"] * 4 + [b"/v1/executions"] * 3 + [
    b"/v1/executions/e1", b"/v1/feedback?dry=1", b"/v1/feedback/", b"/v1/f%65edback", b"/", b"http://x/v1/feedback",
])  # fmt: skip
ORDINARY = st.builds(
    request, BODIES, st.sampled_from([b"/v1/feedback", b"/v1/executions"]),
    headers=st.lists(st.sampled_from([b"Idempotency-Key: k1", b"Connection: keep-alive"]), max_size=1),
)  # fmt: skip
ODD = st.builds(
    request, BODIES, PATHS, st.sampled_from([b"POST"] * 6 + [b"PUT", b"GET", b"HEAD"]),
    st.sampled_from([b"1.1"] * 6 + [b"1.0"]), st.sampled_from([b"ingest"] * 6 + [b"browser", b"reader", b"nobody"]),
    HEADERS, st.sampled_from([False, False, False, True]),
)  # fmt: skip


REQUESTS = st.one_of(ORDINARY, ORDINARY, ODD)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[bytes], int]:
    """Return the reads of one connection, and the number of its requests: one by one, or pipelined and cut anywhere."""
    sent = draw(st.lists(REQUESTS, min_size=1, max_size=3))
    if draw(st.booleans()):
        return sent, len(sent)
    data = b"".join(sent)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=2)))
    ends = [*cuts, len(data)]
    return [data[start:end] for start, end in zip([0, *cuts], ends, strict=True) if start < end], len(sent)


async def test_both_ways_answer_the_same(servers: tuple[Server, Server]) -> None:
    @settings(max_examples=scaled(100, 5_000), deadline=None, suppress_health_check=list(HealthCheck))
    @given(conversations())
    def draw(drawn: tuple[list[bytes], int]) -> None:
        cases.append(drawn)

    cases: list[tuple[list[bytes], int]] = []
    draw()
    await asyncio.gather(*(server.exchange([request()], 1) for server in servers))  # its key is known from here on
    for reads, count in cases:
        found = await asyncio.gather(*(server.exchange(reads, count) for server in servers))
        assert found[0] == found[1], b"|".join(reads)
    assert servers[0].rows() == servers[1].rows()
    assert servers[0].fast > len(cases) / 10  # most conversations are cut, or begin with an odd request
    assert servers[1].fast == 0


async def test_an_ordinary_request_takes_the_fast_path(servers: tuple[Server, Server]) -> None:
    server, _ = servers
    await server.exchange([request()], 1)
    answer, closed = await server.exchange([request(headers=[b"Idempotency-Key: k1"])], 1)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b'\r\n\r\n{"id":"uuid","status":"accepted"}')
    assert not closed
    assert server.fast == 1


async def test_it_answers_after_the_commit_only(servers: tuple[Server, Server]) -> None:
    server, _ = servers
    await server.exchange([request()], 1)
    writer = server.running.parts.write_connections[0]
    session, hold = writer.session, asyncio.Event()

    @contextlib.asynccontextmanager
    async def held() -> AsyncIterator[Any]:
        await hold.wait()
        async with session() as pg:
            yield pg

    for connection in server.running.parts.write_connections:
        connection.session = held  # type: ignore[method-assign]
    protocol, transport = server.connect()
    protocol.data_received(request(headers=[b"Idempotency-Key: k1"]))
    assert not protocol.guard.is_waiting(protocol)  # the client has no deadline while its request is being written
    protocol.data_received(request(headers=[b"Idempotency-Key: k1"]))  # waits for the first, in the parser's pipeline
    assert server.fast == 1
    for _ in range(20):
        await asyncio.sleep(0)
    assert transport.written == b""
    assert server.running.count("receipts") == 0
    hold.set()
    await eventually(lambda: transport.written.count(b"HTTP/1.1 200") == 2)
    assert [b"accepted" in transport.written, b"duplicate" in transport.written] == [True, True]
    assert protocol.guard.is_waiting(protocol)
    assert server.running.count("receipts") == 1


async def test_a_client_that_leaves_gets_no_answer_and_a_server_that_stops_answers_first(
    servers: tuple[Server, Server],
) -> None:
    server, _ = servers
    await server.exchange([request()], 1)
    leaving, lost = server.connect()
    staying, kept = server.connect()
    leaving.data_received(request(headers=[b"Idempotency-Key: k1"]))
    staying.data_received(request(headers=[b"Idempotency-Key: k2"]))
    assert server.fast == 2
    leaving.connection_lost(None)
    staying.shutdown()
    await eventually(lambda: kept.closed)
    assert b"200 OK" in kept.written
    assert b"connection: close" in kept.written
    assert lost.written == b""
    assert server.running.count("receipts") == 2


async def test_an_answer_before_the_commit_would_be_noticed(
    servers: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken variant of `test_it_answers_after_the_commit_only`."""

    def answer_at_once(self: IngestService, post: PostedObject) -> None:
        item = parse_object(post.route, post.content, post.context)
        self._committer.enqueue([item], 1, lambda _: None)
        post.resolve(item.id, "accepted")

    monkeypatch.setattr(IngestService, "submit", answer_at_once)
    with pytest.raises(AssertionError):
        await test_it_answers_after_the_commit_only(servers)
