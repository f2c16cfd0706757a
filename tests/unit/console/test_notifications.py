"""Open pages hear of news of their own place, each topic once, and a full house says so."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from console.handlers import NEWS, notification_subscriptions
from console.notifications import OpenPage, OpenPages, TooManyStreams
from deploy.kafka import topics
from shared.events.promotion import LoopHalted
from shared.messaging.cloudevents import Received
from tests.support.golden import example

HERE, THERE = ("text", "text"), ("text", "staging")


async def heard(page: OpenPage) -> str:
    frames = page.frames(keep_alive=5)
    async with asyncio.timeout(60):
        return (await anext(frames)).decode()


def received(event: Any) -> Received[Any]:
    return Received(event, uuid4(), datetime.now(UTC), "ratchet/test", "c", None, None, event.topic, 0, 0)


async def test_news_of_many_topics_is_told_at_once() -> None:
    pages = OpenPages(3)
    page = pages.join(HERE, "ann")
    for kind in (*NEWS, *NEWS):
        await notification_subscriptions(pages).handler([received(example(kind).event)])
    assert await heard(page) == f"data: {' '.join(sorted(kind.topic for kind in NEWS))}\n\n"


async def test_a_halt_is_heard_in_every_environment_and_all_else_only_where_it_happened() -> None:
    pages = OpenPages(3)
    here, there, other = (pages.join(place, "ann") for place in (HERE, THERE, ("other", "text")))
    await notification_subscriptions(pages).handler([received(example(kind).event) for kind in NEWS])
    assert "regression.detected" in await heard(here)
    assert await heard(there) == f"data: {LoopHalted.topic} loop.resumed\n\n"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(other.frames(keep_alive=5))


async def test_silence_is_kept_alive() -> None:
    frames = OpenPage(HERE, "ann").frames(keep_alive=0.001)
    assert (await anext(frames)).startswith(b":")


def test_a_full_house_says_so_until_somebody_leaves() -> None:
    pages = OpenPages(1)
    page = pages.join(HERE, "ann")
    with pytest.raises(TooManyStreams):
        pages.join(THERE, "bob")
    pages.leave(page)
    pages.join(THERE, "bob")


def test_one_person_does_not_take_all_places() -> None:
    pages = OpenPages(1000)
    with pytest.raises(TooManyStreams):
        kept = [pages.join(HERE, "ann") for _ in range(1000)]
    kept = [pages.join(HERE, "bob")]
    assert kept


def test_a_stream_that_was_given_up_before_it_began_holds_no_place() -> None:
    pages = OpenPages(1)
    for _ in range(3):
        pages.join(HERE, "ann")


def test_kafka_lets_the_console_hear_just_that() -> None:
    assert set(topics.NEWS) == {kind.topic for kind in NEWS}
