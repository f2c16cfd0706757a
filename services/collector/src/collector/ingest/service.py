"""Ingestion of a request's content: parse, validate, and write by group commit; and the key of users' pseudonyms."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from collector.domain.ingestion import ItemResult, Outcome, outcome_of_status, overloaded
from collector.domain.model import IngestItem, ItemStatus, Origin
from collector.domain.request_context import NO_SKEW, PseudonymKey, RequestContext, Route, clock_skew, key_scope
from collector.domain.validation import parse_completion, parse_object, parse_request
from collector.ingest.group_commit import GroupCommitter, QueueFull
from collector.ingest.request_bodies import BodyLine, SizedBody, grouped, parse_bodies, parse_lines
from collector.storage.connections import DedicatedConnection
from collector.storage.repository import PostgresRepository
from shared.auth.principal import Principal
from shared.problems import Problem
from shared.runtime.clock import Clock
from shared.runtime.failure_classification import FailureClass, classify, is_data_fault, sqlstate_of


class PseudonymKeyCache:
    """The key of pseudonyms: read at first use, created if there is none. All instances share one."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._key: PseudonymKey | None = None

    @property
    def cached(self) -> PseudonymKey | None:
        """Return the key; None before its first use."""
        return self._key

    async def get(self) -> PseudonymKey:
        """Return the key. Raises Retryable while the database is unavailable."""
        if self._key is None:
            connection = DedicatedConnection(self._engine)
            try:
                async with connection.begin() as pg:
                    new_secret = secrets.token_bytes(32)
                    self._key = PseudonymKey(*await PostgresRepository(pg, 1).get_pseudonym_key(new_secret))
            finally:
                await connection.close()
        return self._key


T = TypeVar("T")

MAX_INLINE_BYTES = 20_000
"""Content up to this size is parsed on the event loop, larger content in a thread."""
_PARSER_THREADS = 2
_GROUP_ITEMS = 500
_GROUP_BYTES = 2_000_000
"""About the bytes of bodies that are parsed and written together."""


class PostedObject(Protocol):
    """An object that was posted alone, with the context of its request. One of its methods is called, once."""

    route: Route
    content: bytes
    context: RequestContext

    def resolve(self, item_id: str, written: ItemStatus | Exception) -> None: ...

    def refuse(self, error: Exception) -> None: ...


class IngestService:
    """Parses, validates and writes what requests contain."""

    def __init__(
        self,
        committer: "GroupCommitter[IngestItem, ItemStatus]",
        pseudonym_key: PseudonymKeyCache,
        clock: Clock,
    ) -> None:
        self._committer = committer
        self._pseudonym_key = pseudonym_key
        self._clock = clock
        self._parser_threads = asyncio.Semaphore(_PARSER_THREADS)
        self._posted: list[PostedObject] = []
        """Objects that were submitted in this turn of the event loop."""
        self._turn_began: datetime | None = None
        """When the first of them was received, which is taken for all."""

    async def pseudonym_key(self) -> PseudonymKey:
        """Return the key of users' pseudonyms. Raises Retryable while the database is unavailable."""
        return await self._pseudonym_key.get()

    async def request_context(
        self, principal: Principal, idempotency_key: str | None, traceparent: str | None, date: bytes | None = None
    ) -> RequestContext:
        """Return what the items of one request have in common. `date` is the value of its header `Date`."""
        await self._pseudonym_key.get()
        context = self.cached_request_context(principal, idempotency_key, traceparent, date)
        assert context is not None
        return context

    def cached_request_context(
        self, principal: Principal, idempotency_key: str | None, traceparent: str | None, date: bytes | None
    ) -> RequestContext | None:
        """Return the same without waiting; None before the key of pseudonyms is known."""
        pseudonym_key = self._pseudonym_key.cached
        if pseudonym_key is None:
            return None
        now = self._turn_began or self._clock.now()
        origin = Origin(principal.project, principal.environment, now, traceparent)
        skew = NO_SKEW if date is None else clock_skew(date, now)
        return RequestContext(principal.key_id, origin, pseudonym_key, idempotency_key, key_scope(principal), skew)

    async def ingest(self, route: Route, content: bytes, context: RequestContext) -> ItemResult | list[ItemResult]:
        """Write the object or the valid items of the array in `content`; return a result for each.

        Raises Problem, or QueueFull.
        """
        parsed = await self._parse(lambda: parse_request(route, content, context), len(content))
        if not isinstance(parsed, list):
            return await self._commit(parsed, len(content))
        return await self._commit_valid(parsed, len(content))

    def submit(self, post: PostedObject) -> None:
        """Queue an object of at most `MAX_INLINE_BYTES` without waiting.

        The objects of one turn of the event loop are parsed together, one after another, when it ends: between other
        work, parsing takes half as long again, because its code is no longer in the processor's caches.
        """
        if not self._posted:
            self._turn_began = post.context.origin.received_at
            asyncio.get_running_loop().call_soon(self._queue_posted)
        self._posted.append(post)
        if len(self._posted) == _GROUP_ITEMS:
            self._queue_posted()

    def _queue_posted(self) -> None:
        posted, self._posted, self._turn_began = self._posted, [], None
        parsed: list[PostedObject] = []
        items: list[IngestItem] = []
        size = 0
        for post in posted:
            try:
                items.append(parse_object(post.route, post.content, post.context))
            except Exception as error:
                post.refuse(error)
            else:
                parsed.append(post)
                size += len(post.content)
        if not items:
            return
        try:
            self._committer.enqueue(items, size, partial(_resolve_posted, parsed, items))
        except QueueFull as error:
            for post in parsed:
                post.refuse(error)

    async def complete(self, content: bytes, context: RequestContext, execution_id: str) -> ItemResult:
        """Record or complete the execution with this id. Raises Problem, or QueueFull."""
        item = await self._parse(lambda: parse_completion(content, context, execution_id), len(content))
        return await self._commit(item, len(content))

    async def ingest_lines(self, route: Route, lines: Sequence[BodyLine], context: RequestContext) -> list[ItemResult]:
        """Write the objects of lines; return a result for each. Raises QueueFull, or Problem 503."""
        size = sum(len(line.content or b"") for line in lines)
        parsed = await self._parse(partial(parse_lines, route, lines, context), size)
        return await self._commit_valid(parsed, size)

    async def ingest_bodies(self, bodies: Sequence[SizedBody], context: RequestContext) -> list[ItemResult]:
        """Write bodies that were not sent as JSON; return a result for each, in their order.

        They are written in groups, one after another, so that a large request holds little memory. Raises QueueFull,
        or Problem 503: of groups written before, the items are duplicates when the request is sent again.
        """
        results: list[ItemResult] = []
        for group in grouped(bodies, _GROUP_ITEMS, _GROUP_BYTES):
            size = sum(body.size for body in group)
            parsed = await self._parse(partial(parse_bodies, group, context), size)
            results += await self._commit_valid(parsed, size)
        return results

    async def _commit_valid(self, parsed: Sequence[IngestItem | Problem], size: int) -> list[ItemResult]:
        items = [item for item in parsed if not isinstance(item, Problem)]
        written = iter(await self._committer.submit(items, size) if items else [])
        return [
            ItemResult(None, item) if isinstance(item, Problem) else ItemResult(item.id, outcome_of(next(written)))
            for item in parsed
        ]

    async def parse_item(self, route: Route, content: bytes, context: RequestContext) -> IngestItem:
        """Return one item that did not come over HTTP. Raises Problem."""
        return await self._parse(lambda: parse_object(route, content, context), len(content))

    async def _commit(self, item: IngestItem, size: int) -> ItemResult:
        (written,) = await self._committer.submit([item], size)
        return ItemResult(item.id, outcome_of(written))

    async def _parse(self, parse: Callable[[], T], size: int) -> T:
        """Run `parse`, for a large content in a thread, so that other requests are served meanwhile."""
        if size <= MAX_INLINE_BYTES:
            return parse()
        async with self._parser_threads:
            return await asyncio.to_thread(parse)


def _resolve_posted(
    posted: Sequence[PostedObject], items: Sequence[IngestItem], results: Sequence[ItemStatus | Exception]
) -> None:
    for post, item, result in zip(posted, items, results, strict=True):
        post.resolve(item.id, result)


def outcome_of(result: ItemStatus | Exception) -> Outcome:
    """Return the outcome of an item. Raises Problem 503 where the whole request may be sent again."""
    if not isinstance(result, Exception):
        return outcome_of_status(result)
    if classify(result) is FailureClass.RETRYABLE:
        raise overloaded() from result
    if is_data_fault(result):
        detail = f"the database refuses a value of it ({sqlstate_of(result)})"
        return Problem(422, "invalid", "The item can't be stored", detail)
    return Problem(500, "internal", "Something went wrong here; it was logged")
