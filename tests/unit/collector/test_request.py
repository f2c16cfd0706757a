"""Limits of a body's size and duration, and required headers."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from collector.api.request import ClientDisconnected, Receive, read_body, read_headers
from shared.problems import Problem


def receive_messages(*messages: dict[str, Any]) -> Receive:
    """Return a `receive` that gives `messages` and then blocks forever."""
    left = list(messages)

    async def receive() -> MutableMapping[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_parts_are_joined() -> None:
    assert await read_body(receive_messages(part(b"ab"), part(b""), part(b"c", more=False)), 3, 1) == b"abc"
    assert await read_body(receive_messages({"type": "http.request"}), 3, 1) == b""


async def test_slow_body_is_aborted() -> None:
    with pytest.raises(Problem) as caught:
        await read_body(receive_messages(part(b"a"), part(b"b")), 100, 0.02)
    assert (caught.value.status, caught.value.errors[0]["field"]) == (408, "body")
    assert caught.value.headers == {"Connection": "close"}


@pytest.mark.parametrize("messages", [(part(b"abcd", more=False),), (part(b"ab"), part(b"cd"))])
async def test_too_large_body_is_rejected_early(messages: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(Problem) as caught:
        await read_body(receive_messages(*messages), 3, 1)
    assert caught.value.status == 413


async def test_disconnected_client_gets_no_response() -> None:
    with pytest.raises(ClientDisconnected):
        await read_body(receive_messages(part(b"a"), {"type": "http.disconnect"}), 100, 1)


@pytest.mark.parametrize("media", [b"application/json", b"Application/JSON; charset=utf-8", b"application/x.y+json"])
def test_json_is_accepted(media: bytes) -> None:
    trace = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
    headers = read_headers({b"content-type": media, b"traceparent": trace, b"idempotency-key": b"k"}, 10)
    assert (headers.traceparent, headers.idempotency_key) == (trace.decode(), "k")


def test_malformed_traceparent_is_ignored() -> None:
    assert read_headers({b"traceparent": b"00-x\r\n"}, 10).traceparent is None


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [(b"content-length", b"11", 413), (b"content-length", b"9" * 400, 413), (b"content-length", b"-1", 400),
     (b"content-type", b"text/html", 415), (b"idempotency-key", b"\xff", 422)],
)  # fmt: skip
def test_invalid_headers_are_rejected(name: bytes, value: bytes, status: int) -> None:
    with pytest.raises(Problem) as caught:
        read_headers({name: value}, 10)
    assert caught.value.status == status
    assert caught.value.errors
