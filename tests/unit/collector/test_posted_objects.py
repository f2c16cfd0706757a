"""Objects that are posted alone: those of one turn of the event loop are parsed and written together."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from collector.domain.model import IngestItem, ItemStatus
from collector.domain.request_context import PseudonymKey, RequestContext, Route
from collector.ingest.service import IngestService
from shared.auth.principal import Principal
from shared.problems import Problem
from shared.testing.clock import FakeClock

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PRINCIPAL = Principal("key", "app", "service", "shop", "production", frozenset({"ingest"}))
THUMB = b'{"execution_id":"e1","kind":"thumb","value":true}'


class Committer:
    """Accepts everything at once, and keeps the groups of items."""

    def __init__(self) -> None:
        self.groups: list[Sequence[IngestItem]] = []

    def enqueue(self, items: Sequence[IngestItem], _: int, on_written: Any) -> None:
        self.groups.append(items)
        on_written(["accepted"] * len(items))


class Post:
    """A posted object that keeps its answer."""

    route: Route = "feedback"

    def __init__(self, content: bytes, context: RequestContext) -> None:
        self.content, self.context = content, context
        self.answer: ItemStatus | Exception | None = None

    def resolve(self, item_id: str, written: ItemStatus | Exception) -> None:
        self.answer = written

    def refuse(self, error: Exception) -> None:
        self.answer = error


class Collector:
    """A service on a clock that the test advances."""

    def __init__(self) -> None:
        self.clock, self.committer = FakeClock(NOW), Committer()
        pseudonym_key = SimpleNamespace(cached=PseudonymKey("k1", b"s" * 32))
        self._service = IngestService(cast(Any, self.committer), cast(Any, pseudonym_key), self.clock)

    def post(self, content: bytes) -> Post:
        """Submit an object, a second after the one before."""
        self.clock.advance(timedelta(seconds=1))
        context = self._service.cached_request_context(PRINCIPAL, None, None, None)
        assert context is not None
        post = Post(content, context)
        self._service.submit(post)
        return post


async def test_posts_of_one_turn_are_one_group_and_received_at_one_time() -> None:
    collector = Collector()
    collector.post(THUMB)
    collector.post(THUMB)
    await asyncio.sleep(0)
    collector.post(THUMB)
    await asyncio.sleep(0)
    first, second = NOW + timedelta(seconds=1), NOW + timedelta(seconds=3)
    assert [[item.origin.received_at for item in group] for group in collector.committer.groups] == [
        [first, first],
        [second],
    ]


async def test_a_refused_post_does_not_hold_up_the_others_of_its_turn() -> None:
    collector = Collector()
    refused, accepted = collector.post(b'{"kind":"thumb"}'), collector.post(THUMB)
    await asyncio.sleep(0)
    assert isinstance(refused.answer, Problem)
    assert accepted.answer == "accepted"


async def test_a_turn_with_many_posts_is_written_in_groups() -> None:
    collector = Collector()
    posts = [collector.post(THUMB) for _ in range(501)]
    await asyncio.sleep(0)
    assert [len(group) for group in collector.committer.groups] == [500, 1]
    assert {post.answer for post in posts} == {"accepted"}
