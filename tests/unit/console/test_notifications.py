"""Open pages are notified of topics of their own environment, once each; the number of pages is limited."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from console.handlers import NOTIFIED_EVENTS, notification_subscription
from console.notifications import Notifications, OpenPage, TooManyPages
from deploy.kafka import topics
from shared.events.promotion import LoopHalted
from shared.messaging.cloudevents import Received
from tests.support.golden import example

HERE, THERE = ("text", "text"), ("text", "staging")


async def next_frame(page: OpenPage) -> str:
    frames = page.frames(keep_alive=5)
    async with asyncio.timeout(60):
        return (await anext(frames)).decode()


def received(event: Any) -> Received[Any]:
    return Received(event, uuid4(), datetime.now(UTC), "ratchet/test", "c", None, None, event.topic, 0, 0)


async def test_many_topics_are_sent_in_one_frame() -> None:
    pages = Notifications(3)
    page = pages.join(*HERE, "ann")
    for kind in (*NOTIFIED_EVENTS, *NOTIFIED_EVENTS):
        await notification_subscription(pages).handler([received(example(kind).event)])
    assert await next_frame(page) == f"data: {' '.join(sorted(kind.topic for kind in NOTIFIED_EVENTS))}\n\n"


async def test_a_halt_is_sent_to_every_environment_and_other_topics_to_their_own() -> None:
    pages = Notifications(3)
    here, there, other = (pages.join(*scope, "ann") for scope in (HERE, THERE, ("other", "text")))
    await notification_subscription(pages).handler([received(example(kind).event) for kind in NOTIFIED_EVENTS])
    assert "regression.detected" in await next_frame(here)
    assert await next_frame(there) == f"data: {LoopHalted.topic} loop.resumed\n\n"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(other.frames(keep_alive=5))


async def test_silence_sends_a_keep_alive() -> None:
    frames = OpenPage(*HERE, "ann").frames(keep_alive=0.001)
    assert (await anext(frames)).startswith(b":")


def test_the_number_of_pages_is_limited() -> None:
    pages = Notifications(1)
    page = pages.join(*HERE, "ann")
    with pytest.raises(TooManyPages):
        pages.join(*THERE, "bob")
    pages.leave(page)
    pages.join(*THERE, "bob")


def test_the_number_of_pages_of_a_person_is_limited() -> None:
    pages = Notifications(1000)
    with pytest.raises(TooManyPages):
        kept = [pages.join(*HERE, "ann") for _ in range(1000)]
    kept = [pages.join(*HERE, "bob")]
    assert kept


def test_a_page_without_a_first_frame_frees_its_stream() -> None:
    pages = Notifications(1)
    for _ in range(3):
        pages.join(*HERE, "ann")


def test_kafka_acls_let_the_console_read_only_these_topics() -> None:
    assert set(topics.CONSOLE_TOPICS) == {kind.topic for kind in NOTIFIED_EVENTS}
