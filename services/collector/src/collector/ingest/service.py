"""Ingestion of a request's content: parse, validate, and write by group commit."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from collector.domain.group_plan import plan_group, references_of
from collector.domain.ingestion import ingest
from collector.domain.model import IngestItem, ItemStatus, Origin
from collector.domain.outcomes import ItemResult, Outcome, outcome_of_status, overloaded
from collector.domain.request_context import NO_SKEW, PseudonymKey, RequestContext, Route, clock_skew, key_scope
from collector.domain.validation import parse_completion, parse_item, parse_request
from collector.ingest.group_commit import GroupCommitter, OnWritten
from collector.storage.connections import DedicatedConnection
from collector.storage.group_repository import GroupRepository
from collector.storage.repository import PostgresRepository
from shared.auth.principal import Principal
from shared.problems import Problem, invalid
from shared.runtime.clock import Clock
from shared.runtime.failures import FailureClass, classify, is_data_fault, sqlstate_of

T = TypeVar("T")
S = TypeVar("S", bound="SizedBody")

MAX_INLINE_BYTES = 20_000
"""Content up to this size is parsed on the event loop, larger content in a thread."""
_PARSER_THREADS = 2
_GROUP_ITEMS = 500
_GROUP_BYTES = 2_000_000
"""About the bytes of bodies that are parsed and written together."""


class SizedBody(Protocol):
    """A body as `POST /v1/<route>` would get it, and about its size in bytes."""

    @property
    def route(self) -> Route: ...
    @property
    def body(self) -> dict[str, Any]: ...
    @property
    def size(self) -> int: ...


class BatchWriter:
    """Writes groups of items, each in one commit, on a dedicated connection."""

    def __init__(self, connection: DedicatedConnection, shards: int, on_emit: Callable[[], None]) -> None:
        """`on_emit` is called after each commit; it wakes the relay."""
        self._connection = connection
        self._shards = shards
        self._on_emit = on_emit

    async def write(self, items: Sequence[IngestItem]) -> list[ItemStatus]:
        """Return the statuses of `items` after their commit. Raises Retryable, or the error that an item causes."""
        async with self._connection.session() as pg:
            statuses = await self._write_in_one_statement(pg, items)
            if statuses is None:
                async with pg.transaction():
                    statuses = await ingest(PostgresRepository(pg, self._shards), items)
        self._on_emit()
        return statuses

    async def _write_in_one_statement(self, pg: Any, items: Sequence[IngestItem]) -> list[ItemStatus] | None:
        """Return the statuses after the commit; None, without a change, where the group needs a transaction."""
        repository = GroupRepository(pg, self._shards)
        references = references_of(items)
        plan = plan_group(items, references, await repository.read(references))
        return plan.statuses if plan is not None and await repository.write(plan.write) else None


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
        now = self._clock.now()
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

    def submit(self, route: Route, content: bytes, context: RequestContext, on_written: OnWritten[ItemStatus]) -> str:
        """Queue one object of at most `MAX_INLINE_BYTES` without waiting; return its id. Raises Problem, or QueueFull.

        `on_written` is called later, and must not raise.
        """
        item = parse_request(route, content, context)
        assert not isinstance(item, list)
        self._committer.enqueue([item], len(content), on_written)
        return item.id

    async def complete(self, content: bytes, context: RequestContext, execution_id: str) -> ItemResult:
        """Record or complete the execution with this id. Raises Problem, or QueueFull."""
        item = await self._parse(lambda: parse_completion(content, context, execution_id), len(content))
        return await self._commit(item, len(content))

    async def ingest_bodies(self, bodies: Sequence[SizedBody], context: RequestContext) -> list[ItemResult]:
        """Write bodies that were not sent as JSON; return a result for each, in their order.

        They are written in groups, one after another, so that a large request holds little memory. Raises QueueFull,
        or Problem 503: of groups written before, the items are duplicates when the request is sent again.
        """
        results: list[ItemResult] = []
        for group in grouped(bodies, _GROUP_ITEMS, _GROUP_BYTES):
            size = sum(body.size for body in group)
            parsed = await self._parse(partial(_parse_bodies, group, context), size)
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
        parsed = await self._parse(lambda: parse_request(route, content, context), len(content))
        if isinstance(parsed, list):
            raise invalid("body", "must be an object")
        return parsed

    async def _commit(self, item: IngestItem, size: int) -> ItemResult:
        (written,) = await self._committer.submit([item], size)
        return ItemResult(item.id, outcome_of(written))

    async def _parse(self, parse: Callable[[], T], size: int) -> T:
        """Run `parse`, for a large content in a thread, so that other requests are served meanwhile."""
        if size <= MAX_INLINE_BYTES:
            return parse()
        async with self._parser_threads:
            return await asyncio.to_thread(parse)


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


def grouped(bodies: Iterable[S], max_items: int, max_bytes: int) -> Iterator[list[S]]:
    """Yield the bodies in groups of at most `max_items` and, unless a single body has more, `max_bytes`."""
    group: list[S] = []
    size = 0
    for body in bodies:
        if group and (len(group) == max_items or size + body.size > max_bytes):
            yield group
            group, size = [], 0
        group.append(body)
        size += body.size
    if group:
        yield group


def _parse_bodies(bodies: Iterable[SizedBody], context: RequestContext) -> list[IngestItem | Problem]:
    return [_item_or_problem(body, context) for body in bodies]


def _item_or_problem(body: SizedBody, context: RequestContext) -> IngestItem | Problem:
    try:
        return parse_item(body.route, body.body, context)
    except Problem as problem:
        return problem
