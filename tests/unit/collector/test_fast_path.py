"""The shorter way from socket to desk answers as the long one does, however the bytes are cut."""

import asyncio
import json
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from collector.api.fast_path import protocol_of
from collector.api.responses import HttpResponse

HOT = frozenset({"/hot"})


class Wire(asyncio.Transport):
    """A socket whose writes are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        if not self.closed:
            self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def app(scope: Any, receive: Any, send: Any) -> None:
    """The long way: answers with path and body, after another task had its turn."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    answer = answered(scope, body)
    headers = [(b"content-type", answer.media), (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def answered(scope: Any, body: bytes) -> HttpResponse:
    return HttpResponse(200, json.dumps([scope["method"], scope["path"], body.decode()]).encode())


class Desk:
    """Takes what is not refused, and answers in the next turn of the loop."""

    def __init__(self) -> None:
        self.taken = 0

    def take(self, scope: Any, body: bytes, send: Callable[[HttpResponse], None]) -> bool:
        if b"refuse" in body:
            return False
        self.taken += 1
        asyncio.get_running_loop().call_soon(lambda: send(answered(scope, body)))
        return True


async def talk(protocol: type[HttpToolsProtocol], parts: list[bytes]) -> Wire:
    """Everything that a server says to these bytes, and whether it hung up."""
    config = uvicorn.Config(app, log_config=None, lifespan="off", proxy_headers=False)
    config.load()
    made, wire = protocol(config, ServerState(), {}), Wire()
    made.connection_made(cast(asyncio.Transport, wire))
    for part in parts:
        if not wire.closed:
            made.data_received(part)
        await asyncio.sleep(0)
    for _ in range(40):  # turns of the loop, not time
        await asyncio.sleep(0)
    made.connection_lost(None)
    return wire


def request(path: str, body: bytes, close: bool = False, chunked: bool = False) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n" + ("Connection: close\r\n" if close else "")
    if chunked:
        return f"{head}Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


requests = st.builds(
    request,
    st.sampled_from(["/hot", "/hot", "/cold"]),
    st.sampled_from([b"{}", b'{"a": 1}', b"refuse", b"x" * 300]),
    close=st.sampled_from([False, False, False, True]),
    chunked=st.booleans(),
)


@given(st.lists(requests, min_size=1, max_size=4), st.lists(st.integers(0, 2000), max_size=4))
def test_the_answers_are_those_of_the_long_way_in_the_same_order(wanted: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(wanted)
    ends = sorted({0, *(cut % (len(stream) + 1) for cut in cuts), len(stream)})
    parts = [stream[start:end] for start, end in pairwise(ends)]
    long = asyncio.run(talk(HttpToolsProtocol, parts))
    short = asyncio.run(talk(protocol_of(HOT, Desk().take), parts))
    assert (short.written, short.closed) == (long.written, long.closed)
    assert short.written


@pytest.mark.parametrize(("body", "taken"), [(b"{}", 1), (b"refuse", 0)])
async def test_a_request_in_one_piece_takes_the_short_way(body: bytes, taken: int) -> None:
    desk = Desk()
    wire = await talk(protocol_of(HOT, desk.take), [request("/hot", body), request("/cold", body)])
    assert desk.taken == taken
    assert re.findall(rb"HTTP/1.1 (\d+)", wire.written) == [b"200", b"200"]


async def test_a_request_that_is_cut_takes_the_long_way() -> None:
    desk = Desk()
    whole = request("/hot", b"{}")
    wire = await talk(protocol_of(HOT, desk.take), [whole[:-1], whole[-1:]])
    assert (desk.taken, wire.written.count(b"HTTP/1.1 200")) == (0, 1)


async def test_who_hung_up_gets_no_answer() -> None:
    answers: list[Callable[[HttpResponse], None]] = []

    def take(scope: Any, body: bytes, send: Callable[[HttpResponse], None]) -> bool:
        answers.append(send)
        return True

    wire = await talk(protocol_of(HOT, take), [request("/hot", b"{}")])
    answers[0](HttpResponse(200, b"late"))
    assert wire.written == b""
