"""The way of every item: who sends it, what it says, and into the next group commit."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from collector.api.responses import HttpResponse, ItemResult, batch_response, outcome_of, outcome_response
from collector.domain.clock_skew import NO_SKEW, clock_skew
from collector.domain.ingestion import ingest
from collector.domain.model import IngestItem, Judgement, Origin
from collector.domain.pseudonyms import Pseudonyms
from collector.domain.request_context import RequestContext, Route, key_scope
from collector.domain.validation import read_completion, read_item, read_request
from collector.ingest.group_commit import GroupCommitter
from collector.storage.connections import DedicatedConnection
from collector.storage.repository import PostgresRepository
from shared.auth.principal import Principal
from shared.problems import Problem, invalid
from shared.runtime.clock import Clock
from shared.strict_json import strict_json

T = TypeVar("T")

SMALL = 20_000
"""Bytes of a content that is read on the event loop."""
_THREADS = 2
"""How many large contents are read at once."""


class BatchWriter:
    """Keeps groups of items on a line of its own, a transaction each, and wakes the relay."""

    def __init__(self, line: DedicatedConnection, shards: int, on_emit: Callable[[], None]) -> None:
        self._line = line
        self._shards = shards
        self._on_emit = on_emit

    async def write(self, items: Sequence[IngestItem]) -> list[Judgement]:
        """The statuses of `items`, once they are committed. Raises `Retryable`, or what is wrong with one."""
        async with self._line.begin() as pg:
            statuses = await ingest(PostgresRepository(pg, self._shards), items)
        self._on_emit()
        return statuses


class PseudonymKeyCache:
    """The pseudonyms' key, loaded when the first user is to be hashed; all instances share one."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.loaded: Pseudonyms | None = None

    async def get(self) -> Pseudonyms:
        if self.loaded is None:
            line = DedicatedConnection(self._engine)
            try:
                async with line.begin() as pg:
                    self.loaded = Pseudonyms(*await PostgresRepository(pg, 1).user_key(secrets.token_bytes(32)))
            finally:
                await line.close()
        return self.loaded


class IngestService:
    """Takes the parsed bodies of requests."""

    def __init__(
        self, committer: "GroupCommitter[IngestItem, Judgement]", names: PseudonymKeyCache, clock: Clock
    ) -> None:
        self._committer = committer
        self._names = names
        self._clock = clock
        self._threads = asyncio.Semaphore(_THREADS)

    async def sender(
        self, principal: Principal, idempotency_key: str | None, traceparent: str | None, date: bytes | None = None
    ) -> RequestContext:
        """What the items of one request have in common. `date` is the request's header of that name."""
        await self._names.get()
        sender = self.known_sender(principal, idempotency_key, traceparent, date)
        assert sender is not None
        return sender

    def known_sender(
        self, principal: Principal, idempotency_key: str | None, traceparent: str | None, date: bytes | None = None
    ) -> RequestContext | None:
        """The same at once; None before the pseudonyms' key is loaded."""
        pseudonyms = self._names.loaded
        if pseudonyms is None:
            return None
        now = self._clock.now()
        origin = Origin(principal.project, principal.environment, now, traceparent)
        skew = NO_SKEW if date is None else clock_skew(date, now)
        return RequestContext(principal.key_id, origin, pseudonyms, idempotency_key, key_scope(principal), skew)

    def take_one(
        self, route: Route, content: bytes, sender: RequestContext, send: Callable[[HttpResponse], None]
    ) -> None:
        """Hands in one object; `send` gets the answer when it is settled. Raises Problem, or `Full`, before that."""
        item = read_item(route, strict_json(content), sender)
        done = self._committer.submit([item], len(content))
        done.add_done_callback(lambda outcomes: send(outcome_response(item.id, outcomes.result()[0])))

    async def take(self, route: Route, content: bytes, sender: RequestContext) -> HttpResponse:
        """Keeps what is right in a request's content and says so. Raises Problem, or `Full`."""
        read = await self._read(route, content, sender)
        if not isinstance(read, list):
            return outcome_response(read.id, (await self._committer.submit([read], len(content)))[0])
        items = [item for item in read if not isinstance(item, Problem)]
        outcomes = iter(await self._committer.submit(items, len(content)) if items else [])
        return batch_response(
            [
                ItemResult(None, item) if isinstance(item, Problem) else ItemResult(item.id, outcome_of(next(outcomes)))
                for item in read
            ]
        )

    async def complete(self, content: bytes, sender: RequestContext, execution_id: str) -> HttpResponse:
        """Records or completes the execution of this id. Raises Problem, or `Full`."""
        item = await self._reading(lambda: read_completion(content, sender, execution_id), len(content))
        return outcome_response(item.id, (await self._committer.submit([item], len(content)))[0])

    async def read_feedback(self, content: bytes, sender: RequestContext) -> IngestItem:
        """One feedback that did not come by HTTP. Raises Problem."""
        read = await self._read("feedback", content, sender)
        if isinstance(read, list):
            raise invalid("body", "must be an object")
        return read

    async def _read(
        self, route: Route, content: bytes, sender: RequestContext
    ) -> IngestItem | list[IngestItem | Problem]:
        return await self._reading(lambda: read_request(route, content, sender), len(content))

    async def _reading(self, read: Callable[[], T], size: int) -> T:
        """Small contents are read at once, large ones in a thread, so that other requests go on meanwhile."""
        if size <= SMALL:
            return read()
        async with self._threads:
            return await asyncio.to_thread(read)
