"""A body has a size and a time; headers say what they must."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from collector.api.request import ClientDisconnected, Receive, read_body, read_headers
from shared.problems import Problem


def coming(*messages: dict[str, Any]) -> Receive:
    """Hands out `messages`, and then nothing for ever."""
    left = list(messages)

    async def receive() -> MutableMapping[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_parts_are_put_together() -> None:
    assert await read_body(coming(part(b"ab"), part(b""), part(b"c", more=False)), 3, 1) == b"abc"
    assert await read_body(coming({"type": "http.request"}), 3, 1) == b""


async def test_a_trickle_is_ended() -> None:
    with pytest.raises(Problem) as caught:
        await read_body(coming(part(b"a"), part(b"b")), 100, 0.02)
    assert (caught.value.status, caught.value.errors[0]["field"]) == (408, "body")
    assert caught.value.headers == {"Connection": "close"}


@pytest.mark.parametrize("messages", [(part(b"abcd", more=False),), (part(b"ab"), part(b"cd"))])
async def test_too_much_is_refused_before_its_end(messages: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(Problem) as caught:
        await read_body(coming(*messages), 3, 1)
    assert caught.value.status == 413


async def test_a_client_that_hangs_up_gets_no_answer() -> None:
    with pytest.raises(ClientDisconnected):
        await read_body(coming(part(b"a"), {"type": "http.disconnect"}), 100, 1)


@pytest.mark.parametrize("media", [b"application/json", b"Application/JSON; charset=utf-8", b"application/x.y+json"])
def test_json_is_taken(media: bytes) -> None:
    trace = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
    headers = read_headers([(b"content-type", media), (b"traceparent", trace), (b"idempotency-key", b"k")], 10)
    assert (headers.traceparent, headers.idempotency_key) == (trace.decode(), "k")


def test_a_traceparent_of_another_form_is_left_out() -> None:
    assert read_headers([(b"traceparent", b"00-x\r\n")], 10).traceparent is None


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [(b"content-length", b"11", 413), (b"content-length", b"9" * 400, 413), (b"content-length", b"-1", 400),
     (b"content-type", b"text/html", 415), (b"content-encoding", b"br", 415), (b"idempotency-key", b"\xff", 422)],
)  # fmt: skip
def test_wrong_headers_are_refused(name: bytes, value: bytes, status: int) -> None:
    with pytest.raises(Problem) as caught:
        read_headers([(name, value)], 10)
    assert caught.value.status == status
    assert caught.value.errors
