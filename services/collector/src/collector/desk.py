"""The way of every item: who sends it, what it says, and into the next group commit."""

import asyncio
import secrets
from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from collector.answers import Answer, Result, settled, several, told
from collector.committer import Committer
from collector.lines import Line
from collector.model import Item, Origin, Status
from collector.pseudonyms import Pseudonyms
from collector.reading import read_item
from collector.recording import record
from collector.sender import Route, Sender, key_scope
from collector.skew import NO_SKEW, clock_skew
from collector.store import PgBooks
from shared.runtime.clock import Clock
from shared.web.keys import Principal
from shared.web.problems import Problem, invalid

MAX_ITEMS = 1000
_YIELD_EVERY = 50


class Writer:
    """Keeps groups of items on a line of its own, a transaction each, and wakes the relay."""

    def __init__(self, line: Line, shards: int, on_emit: Callable[[], None]) -> None:
        self._line = line
        self._shards = shards
        self._on_emit = on_emit

    async def write(self, items: Sequence[Item]) -> list[Status]:
        """The statuses of `items`, once they are committed. Raises `Retryable`, or what is wrong with one."""
        async with self._line.begin() as pg:
            statuses = await record(PgBooks(pg, self._shards), items)
        self._on_emit()
        return statuses


class Names:
    """The pseudonyms' key, loaded when the first user is to be hashed; all instances share one."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.loaded: Pseudonyms | None = None

    async def get(self) -> Pseudonyms:
        if self.loaded is None:
            line = Line(self._engine)
            try:
                async with line.begin() as pg:
                    self.loaded = Pseudonyms(*await PgBooks(pg, 1).user_key(secrets.token_bytes(32)))
            finally:
                await line.close()
        return self.loaded


class Desk:
    """Takes the parsed bodies of requests."""

    def __init__(self, committer: "Committer[Item, Status]", names: Names, clock: Clock) -> None:
        self._committer = committer
        self._names = names
        self._clock = clock

    async def sender(
        self, principal: Principal, idempotency_key: str | None, traceparent: str | None, date: bytes | None = None
    ) -> Sender:
        """What the items of one request have in common. `date` is the request's header of that name."""
        await self._names.get()
        sender = self.known_sender(principal, idempotency_key, traceparent, date)
        assert sender is not None
        return sender

    def known_sender(
        self, principal: Principal, idempotency_key: str | None, traceparent: str | None, date: bytes | None = None
    ) -> Sender | None:
        """The same at once; None before the pseudonyms' key is loaded."""
        pseudonyms = self._names.loaded
        if pseudonyms is None:
            return None
        now = self._clock.now()
        origin = Origin(principal.project, principal.environment, now, traceparent)
        skew = NO_SKEW if date is None else clock_skew(date, now)
        return Sender(principal.key_id, origin, pseudonyms, idempotency_key, key_scope(principal), skew)

    def take_one(self, route: Route, body: object, sender: Sender, weight: int, send: Callable[[Answer], None]) -> None:
        """Hands in one object; `send` gets the answer when it is settled. Raises Problem, or `Full`, before that."""
        item = read_item(route, body, sender)
        done = self._committer.submit([item], weight)
        done.add_done_callback(lambda outcomes: send(told(item.id, outcomes.result()[0])))

    async def take(self, route: Route, body: object, sender: Sender, weight: int) -> Answer:
        """Keeps what is right in `body` and says so. Raises Problem, or `Full`; `weight` is its size in bytes."""
        if isinstance(body, list):
            return several(await self._take_all(route, body, sender, weight))
        if not isinstance(body, dict):
            raise invalid("body", "must be an object or an array of objects")
        item = read_item(route, body, sender)
        return told(item.id, (await self._committer.submit([item], weight))[0])

    async def _take_all(self, route: Route, body: list[object], sender: Sender, weight: int) -> list[Result]:
        if not 1 <= len(body) <= MAX_ITEMS:
            raise invalid("body", f"an array holds 1 to {MAX_ITEMS} items")
        read = [await self._read(route, value, sender, index) for index, value in enumerate(body)]
        items = [item for item in read if not isinstance(item, Problem)]
        outcomes = iter(await self._committer.submit(items, weight) if items else [])
        return [
            Result(None, item) if isinstance(item, Problem) else Result(item.id, settled(next(outcomes)))
            for item in read
        ]

    async def _read(self, route: Route, value: object, sender: Sender, index: int) -> Item | Problem:
        if index % _YIELD_EVERY == _YIELD_EVERY - 1:
            await asyncio.sleep(0)  # others need not wait for a long array
        try:
            if not isinstance(value, dict):
                raise invalid("body", "must be an object")
            return read_item(route, value, sender, index)
        except Problem as problem:
            return problem
