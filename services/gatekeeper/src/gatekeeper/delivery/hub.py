"""Who is connected to this instance, and what each has still to be sent (no I/O).

A slow client costs at most one frame a prompt: a newer version takes the place of one that it has not read.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakSet

from shared.runtime.clock import Clock, SystemClock

Scope = tuple[str, str]
"""A project and an environment."""


class TooManyStreams(Exception):
    """This instance has as many streams as it may."""


class TooManyStreamsOfKey(Exception):
    """This instance has as many streams of one API key as it may."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One version of one prompt, as the bytes that every client gets."""

    name: str
    sequence: int
    digest: str
    data: bytes


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """What one client was last sent of one prompt, and when. Without a version: it is connected since then, and was
    sent none; `name` is None for one that wants all prompts."""

    instance: str | None
    name: str | None
    sequence: int | None
    digest: str | None
    since: datetime


@dataclass(eq=False, slots=True, weakref_slot=True)
class StreamClient:
    """One open stream. `names` None means all prompts; `instance` is what the app's process calls itself; `key_id` is
    the API key that opened it."""

    names: frozenset[str] | None
    instance: str | None
    key_id: str
    _now: Callable[[], datetime]
    _since: datetime = field(init=False)
    _waiting: dict[str, Frame] = field(default_factory=dict)
    _offered: dict[str, int] = field(default_factory=dict)
    _told: dict[str, DeliveryStatus] = field(default_factory=dict)
    _bell: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: bool = False

    def __post_init__(self) -> None:
        self._since = self._now()

    def offer(self, frame: Frame) -> None:
        """Puts a frame in the client's way, unless it had this version or a newer one."""
        if self.names is not None and frame.name not in self.names:
            return
        if frame.sequence > self._offered.get(frame.name, 0):
            self._offered[frame.name] = frame.sequence
            self._waiting[frame.name] = frame
            self._bell.set()

    def end(self) -> None:
        """Write nothing more: `frames` ends at once."""
        self._ended = True
        self._bell.set()

    async def frames(self, keep_alive: float) -> AsyncIterator[bytes]:
        """What to write, until `end`; a comment after `keep_alive` seconds of silence."""
        while not self._ended:
            try:
                async with asyncio.timeout(keep_alive):
                    await self._bell.wait()
            except TimeoutError:
                yield b": keep-alive\n\n"
                continue
            self._bell.clear()
            if self._ended:
                return
            waiting, self._waiting = self._waiting, {}
            yield b"".join(frame.data for frame in waiting.values())
            for frame in waiting.values():
                self._told[frame.name] = DeliveryStatus(
                    self.instance, frame.name, frame.sequence, frame.digest, self._now()
                )

    def told(self) -> Iterator[DeliveryStatus]:
        """A row for each name that it wants, or, where it wants all, for each that it was sent; at least one."""
        wanted = sorted(self._told if self.names is None else self.names)
        if not wanted:
            yield DeliveryStatus(self.instance, None, None, None, self._since)
        for name in wanted:
            yield self._told.get(name) or DeliveryStatus(self.instance, name, None, None, self._since)


class Hub:
    """All clients of one instance, by project and environment, and the newest sequences that it has pushed.

    Clients are held weakly: a stream that was given up before its first frame never gets to `leave`.
    """

    def __init__(self, limit: int, clock: Clock | None = None, limit_per_key: int | None = None) -> None:
        self._limit = limit
        self._limit_per_key = limit if limit_per_key is None else limit_per_key
        self._clock = clock or SystemClock()
        self._clients: dict[Scope, WeakSet[StreamClient]] = defaultdict(WeakSet)
        self._pushed: dict[tuple[Scope, str], int] = {}

    def join(
        self, scope: Scope, names: Iterable[str] | None, instance: str | None = None, key_id: str = ""
    ) -> StreamClient:
        """A new client, which gets every push from now on. Raises Crowded or TooManyOfKey."""
        if self.size >= self._limit:
            raise TooManyStreams
        if sum(client.key_id == key_id for client in self._clients.get(scope, ())) >= self._limit_per_key:
            raise TooManyStreamsOfKey
        client = StreamClient(None if names is None else frozenset(names), instance, key_id, self._clock.now)
        self._clients[scope].add(client)
        return client

    def leave(self, scope: Scope, client: StreamClient) -> None:
        """The client is gone."""
        self._clients[scope].discard(client)
        if not self._clients[scope]:
            del self._clients[scope]

    def end_streams(self, scope: Scope, key_id: str) -> None:
        """End all streams that an API key of this environment opened."""
        for client in tuple(self._clients.get(scope, ())):
            if client.key_id == key_id:
                client.end()

    def push(self, scope: Scope, frame: Frame) -> None:
        """Hands a version to everybody who wants it; older ones than pushed before are left out."""
        if self.behind(scope, frame.name, frame.sequence):
            self._pushed[scope, frame.name] = frame.sequence
            for client in tuple(self._clients.get(scope, ())):
                client.offer(frame)

    def behind(self, scope: Scope, name: str, sequence: int) -> bool:
        """Whether this instance has not pushed that version yet."""
        return sequence > self._pushed.get((scope, name), 0)

    def connected(self, scope: Scope) -> list[StreamClient]:
        """The clients of one environment, by what they call themselves."""
        return sorted(self._clients.get(scope, ()), key=lambda client: client.instance or "")

    def keys(self) -> list[str]:
        """The API keys with open streams."""
        return list({client.key_id for clients in self._clients.values() for client in clients})

    @property
    def size(self) -> int:
        """How many streams are open."""
        return sum(len(clients) for clients in self._clients.values())
