"""Polling, which keeps prompts current without a stream; with a clock that only waiting advances."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from ratchet.client.options import Options
from ratchet.client.poller import MIN_INTERVAL, Poller
from ratchet.client.prompt_cache import PromptCache
from ratchet.client.prompt_verification import Trust, trusted_keys
from ratchet.client.response_limits import UnexpectedStatus
from ratchet.client.subscriber import LiveSubscriber, is_refused, is_silent, requested_pause
from ratchet.prompt import Prompt, from_text
from tests.support.eventually import eventually
from tests.support.ratchet_server import PUBLIC, FakeServer, live_payload

OLD, NEW = from_text("Old"), from_text("New")
NAMES = frozenset({"support/answer", "summary"})


class Clock:
    """A clock that advances by waiting; `waits` has the durations."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Polled:
    """A poller with its server, its cache and its clock."""

    def __init__(self, trust: Trust | None = None) -> None:
        self.server, self.clock = FakeServer(), Clock()
        self.cache = PromptCache(trust or Trust(trusted_keys([PUBLIC]), "acme", "production"))
        self.poller = Poller(self.cache, 10.0, self.clock.monotonic, self.clock.sleep)
        self.times: list[float] = []
        """Time of each request."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.times.append(self.clock.now)
        return self.server.answer(request)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def served(self, name: str) -> Prompt | None:
        live = self.cache.get(name)
        return None if live is None else live.prompt

    def requests_for(self, name: str) -> list[httpx.Request]:
        return [request for request in self.server.requests if request.url.path == f"/v1/prompts/{name}"]

    @asynccontextmanager
    async def running(self, names: frozenset[str] = NAMES) -> AsyncIterator[None]:
        async with httpx.AsyncClient(base_url="http://ratchet", transport=self.transport()) as client:
            task = asyncio.create_task(self.poller.run(client, names))
            yield
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def rounds(self, count: int, prompt: str = "summary") -> None:
        """Wait until a name was requested this many times."""
        await eventually(lambda: len(self.requests_for(prompt)) >= count)


async def test_each_name_is_polled_every_15_to_30_seconds_with_its_etag() -> None:
    polled = Polled()
    for name in NAMES:
        polled.server.push(live_payload(name, OLD))
    async with polled.running():
        polled.poller.begin(now=False)
        await polled.rounds(3)
        assert polled.served("support/answer") == polled.served("summary") == OLD
    assert all(MIN_INTERVAL <= seconds <= 2 * MIN_INTERVAL for seconds in polled.clock.waits)
    assert len(set(polled.clock.waits)) > 1, "jittered"
    first, second, *_ = polled.requests_for("support/answer")
    assert first.url.raw_path == b"/v1/prompts/support%2Fanswer"
    assert "if-none-match" not in first.headers
    assert polled.server.answer(second).status_code == 304


async def test_a_rollback_and_a_prompt_that_becomes_live_arrive() -> None:
    polled = Polled()
    polled.server.push(live_payload("summary", NEW, 2))
    async with polled.running():
        polled.poller.begin(now=True)
        await eventually(lambda: polled.served("summary") == NEW)
        polled.server.push(live_payload("summary", OLD, 3, reason="rolled_back"))
        await eventually(lambda: polled.served("summary") == OLD)
        assert polled.served("support/answer") is None
        polled.server.push(live_payload("support/answer", OLD))
        await eventually(lambda: polled.served("support/answer") == OLD)


@pytest.mark.parametrize(
    "parts",
    [
        {"sequence": 1},
        {"project": "other"},
        {"environment": "staging"},
        {"digest": NEW.digest},
        {"signature": {"key_id": "nobody", "value": "x"}},
        {"signature": None},
    ],
)
async def test_unverified_prompt_is_not_served_and_logged_once(
    parts: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    polled = Polled()
    polled.server.push(live_payload("summary", OLD, 2))
    signature = {"signature": parts.pop("signature")} if "signature" in parts else {}
    async with polled.running():
        polled.poller.begin(now=True)
        await eventually(lambda: polled.served("summary") == OLD)
        polled.server.push(
            {**live_payload("summary", from_text("Evil"), parts.pop("sequence", 3), **parts), **signature}
        )
        await polled.rounds(len(polled.requests_for("summary")) + 4)
        assert polled.served("summary") == OLD
    assert polled.cache.refused == 1
    assert sum(record.levelno == logging.ERROR for record in caplog.records) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_rejection_pauses_polling_as_long_as_the_server_asks(status: int) -> None:
    polled = Polled()
    polled.server.faults = [lambda request: httpx.Response(status, headers={"retry-after": "120"})]
    async with polled.running():
        polled.poller.begin(now=True)
        await polled.rounds(2)
    assert 120 <= polled.times[1] - polled.times[0] <= 240


def raises(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("away", request=request)


@pytest.mark.parametrize(
    "fault",
    [
        raises,
        lambda request: httpx.Response(200, content=b"{"),
        lambda request: httpx.Response(200, content=b"[" * 9_000),
    ],
)
async def test_unexpected_responses_do_not_end_polling(fault: Callable[[httpx.Request], httpx.Response]) -> None:
    polled = Polled()
    polled.server.push(live_payload("summary", NEW))
    polled.server.faults = [fault] * 4
    async with polled.running():
        polled.poller.begin(now=True)
        await eventually(lambda: polled.served("summary") == NEW)


async def test_no_polling_without_a_trusted_key() -> None:
    polled = Polled(Trust({}))
    polled.server.push(live_payload("summary", NEW))
    async with polled.running():
        polled.poller.begin(now=True)
        await eventually(lambda: len(polled.clock.waits) > 3)
        assert polled.server.requests == []
        polled.cache.pin(trusted_keys([PUBLIC]))
        await eventually(lambda: polled.served("summary") == NEW)
    assert polled.cache.refused == 0


async def test_repeatedly_failing_stream_does_not_delay_the_next_poll() -> None:
    polled = Polled()
    polled.poller.begin(now=False)
    for _ in range(10):
        polled.clock.now += 5
        polled.poller.pause()
        polled.poller.begin(now=False)
    async with polled.running():
        await polled.rounds(1)
    assert polled.times[0] == 1_050


async def test_working_stream_ends_polling() -> None:
    polled = Polled()
    async with polled.running():
        polled.poller.begin(now=True)
        await polled.rounds(2)
        polled.poller.stop()
        assert not polled.poller.active
        asked = len(polled.server.requests)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(polled.server.requests) <= asked + len(NAMES)  # the round that had begun


def test_conditions_that_start_polling() -> None:
    assert all(is_refused(UnexpectedStatus(status)) for status in (429, 503))
    assert not any(map(is_refused, (None, UnexpectedStatus(500), OSError())))
    assert all(map(is_silent, (httpx.ReadTimeout(""), httpx.ConnectTimeout(""), TimeoutError())))
    assert not any(map(is_silent, (None, UnexpectedStatus(503), httpx.ReadError(""))))
    assert 30 <= requested_pause(UnexpectedStatus(503, 30.0)) <= 60
    assert requested_pause(UnexpectedStatus(503)) == requested_pause(OSError()) == 0


@asynccontextmanager
async def listening(polled: Polled) -> AsyncIterator[LiveSubscriber]:
    """A subscriber whose poller has the clock of `polled`."""

    def client() -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url="http://ratchet", transport=polled.server.transport())

    asked: dict[str, Any] = {name: asyncio.Future() for name in NAMES}
    listener = LiveSubscriber(Options("http://ratchet", "k"), polled.cache, client, "test", asked, polled.poller)
    task = asyncio.create_task(listener.follow_all())
    yield listener
    listener.closed = True
    listener.changed.set()
    await task


class Silent(httpx.AsyncByteStream):
    """A stream that says hello, and then nothing for longer than the client waits."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b": connected\n\n"
        raise httpx.ReadTimeout("nothing heard")


def silent(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Silent())


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(429, headers={"retry-after": "30"}),
        httpx.Response(503, headers={"retry-after": "30"}),
        httpx.Response(404),
        httpx.Response(200, text="<html>"),
        silent,
        raises,
    ],
)
async def test_live_version_arrives_without_a_stream(answer: object) -> None:
    polled = Polled()
    polled.server.push(live_payload("support/answer", OLD))
    polled.server.pages["GET /v1/stream"] = answer
    async with listening(polled):
        await eventually(lambda: polled.served("support/answer") == OLD)
        await eventually(lambda: polled.poller.active)
        polled.server.live["support/answer"] = live_payload("support/answer", NEW, 2)
        await eventually(lambda: polled.served("support/answer") == NEW)


async def test_polling_ends_with_the_first_push() -> None:
    polled = Polled()
    polled.server.pages["GET /v1/stream"] = httpx.Response(503)
    async with listening(polled):
        await eventually(lambda: polled.poller.active)
        polled.server.push(live_payload("summary", NEW))
        del polled.server.pages["GET /v1/stream"]
        await eventually(lambda: polled.server.connected("summary"))
        await eventually(lambda: not polled.poller.active)
