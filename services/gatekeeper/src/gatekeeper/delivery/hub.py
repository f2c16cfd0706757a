"""Connected clients of this instance and their pending frames (no I/O).

A push wakes the streams of all clients at once; each writes the same bytes, in the next turn of the event loop. A
client that does not read keeps no other waiting. It costs at most `MAX_PENDING` bytes: a newer version replaces one
that was not read, and beyond that everything pending is dropped, and what is live is read again once it reads on.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4
from weakref import WeakSet

from shared.events.promotion import PromptLive
from shared.runtime.clock import Clock, SystemClock
from shared.web.event_stream import KEEP_ALIVE, wait_for_event

Scope = tuple[str, str]
"""A project and an environment."""

_MOST_ENDED = 20_000
"""Ended streams that are remembered while the database does not answer; the reports of earlier ones expire."""
MAX_PENDING = 65_536
"""Bytes that are kept for a client that has not read what was sent before."""


class TooManyStreams(Exception):
    """This instance has the largest allowed number of open streams."""


class TooManyStreamsOfKey(Exception):
    """One API key has the largest allowed number of open streams at this instance."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A version of a prompt as a server-sent event, encoded once for all clients."""

    name: str
    sequence: int
    digest: str
    data: bytes


def live_frame(live: PromptLive) -> Frame:
    """Return the server-sent event of a live version."""
    data = b"event: prompt\nid: %d\ndata: %b\n\n" % (live.sequence, live.model_dump_json().encode())
    return Frame(live.name, live.sequence, live.digest, data)


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """What a client was last sent of one prompt, and when.

    Without a version, nothing was sent yet and `since` is when the client connected; `name` is None for a client of
    all prompts.
    """

    instance: str | None
    name: str | None
    sequence: int | None
    digest: str | None
    since: datetime


ReadLive = Callable[[], Awaitable[Iterable[Frame]]]
"""Reads the versions that are live now, of the prompts that a client wants."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class StreamClient:
    """An open stream.

    `names` None means all prompts; `instance` is the name that the app's process gave itself; `key_id` is the API key
    that opened the stream.
    """

    names: frozenset[str] | None
    instance: str | None
    key_id: str
    _now: Callable[[], datetime]
    stream_id: UUID = field(default_factory=uuid4)
    _connected_at: datetime = field(init=False)
    _pending: dict[str, Frame] = field(default_factory=dict)
    _enqueued: dict[str, int] = field(default_factory=dict)
    _sent: dict[str, DeliveryStatus] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _writing: bool = False
    _behind: bool = False
    _closed: bool = False

    def __post_init__(self) -> None:
        self._connected_at = self._now()

    def enqueue(self, frame: Frame) -> None:
        """Queue `frame` for the client; ignored if it is not newer than the last one of its prompt."""
        if self.names is not None and frame.name not in self.names:
            return
        if self._behind or frame.sequence <= self._enqueued.get(frame.name, 0):
            return
        self._enqueued[frame.name] = frame.sequence
        self._pending[frame.name] = frame
        if self._writing and sum(len(it.data) for it in self._pending.values()) > MAX_PENDING:
            self._behind = True
            self._pending.clear()
        self._wake.set()

    def close(self) -> None:
        """End `frames` at once, without what is pending."""
        self._closed = True
        self._wake.set()

    async def frames(self, keep_alive: float, read_live: ReadLive) -> AsyncIterator[bytes]:
        """Yield what to send until `close`; a comment after `keep_alive` seconds without a frame.

        The next chunk is asked for when the client's connection took the last one. `read_live` is called for a client
        that fell behind, once it reads on; raises what that raises.
        """
        while not self._closed:
            if not await wait_for_event(self._wake, keep_alive):
                yield KEEP_ALIVE
                continue
            if self._behind:
                await self._resync(read_live)
            if self._closed:
                return
            pending, self._pending = self._pending, {}
            if not pending:
                continue
            self._writing = True
            yield b"".join(frame.data for frame in pending.values())
            self._writing = False
            self._note_sent(pending.values())

    async def _resync(self, read_live: ReadLive) -> None:
        """Queue what is live and newer than what was sent. Pushes during the read are queued as well."""
        self._behind = False
        self._enqueued = {name: status.sequence or 0 for name, status in self._sent.items()}
        for frame in await read_live():
            self.enqueue(frame)

    def _note_sent(self, frames: Iterable[Frame]) -> None:
        now = self._now()
        for frame in frames:
            self._sent[frame.name] = DeliveryStatus(self.instance, frame.name, frame.sequence, frame.digest, now)

    def statuses(self) -> Iterator[DeliveryStatus]:
        """Yield a status per wanted prompt, or per sent prompt for a client of all prompts; at least one."""
        names = sorted(self._sent if self.names is None else self.names)
        if not names:
            yield DeliveryStatus(self.instance, None, None, None, self._connected_at)
        for name in names:
            yield self._sent.get(name) or DeliveryStatus(self.instance, name, None, None, self._connected_at)


class Hub:
    """The clients of one instance by project and environment, and the newest sequences that it has pushed.

    Clients are held weakly: a stream that is abandoned before its first frame never calls `leave`.
    """

    def __init__(self, limit: int, clock: Clock | None = None, limit_per_key: int | None = None) -> None:
        self._limit = limit
        self._limit_per_key = limit if limit_per_key is None else limit_per_key
        self._clock = clock or SystemClock()
        self._clients: dict[Scope, WeakSet[StreamClient]] = defaultdict(WeakSet)
        self._pushed: dict[tuple[Scope, str], int] = {}
        self._ended: deque[UUID] = deque(maxlen=_MOST_ENDED)

    def join(
        self, scope: Scope, names: Iterable[str] | None, instance: str | None = None, key_id: str = ""
    ) -> StreamClient:
        """Add a client, which gets every push from now on. Raises TooManyStreams or TooManyStreamsOfKey."""
        if self.size >= self._limit:
            raise TooManyStreams
        if sum(client.key_id == key_id for client in self._clients.get(scope, ())) >= self._limit_per_key:
            raise TooManyStreamsOfKey
        client = StreamClient(None if names is None else frozenset(names), instance, key_id, self._clock.now)
        self._clients[scope].add(client)
        return client

    def leave(self, scope: Scope, client: StreamClient) -> None:
        """Remove a client."""
        self._clients[scope].discard(client)
        self._ended.append(client.stream_id)
        if not self._clients[scope]:
            del self._clients[scope]

    @property
    def ended(self) -> list[UUID]:
        """The streams that ended since the last `forget_ended`."""
        return list(self._ended)

    def forget_ended(self, streams: AbstractSet[UUID]) -> None:
        """Forget streams of `ended`, whose reports were deleted."""
        self._ended = deque((stream for stream in self._ended if stream not in streams), _MOST_ENDED)

    def close_streams(self, scope: Scope, key_id: str) -> None:
        """Close all streams that an API key of this environment opened."""
        for client in tuple(self._clients.get(scope, ())):
            if client.key_id == key_id:
                client.close()

    def push(self, scope: Scope, frame: Frame) -> None:
        """Queue a version for every client that wants it; ignored if it is not newer than the last one pushed."""
        if self.is_newer(scope, frame.name, frame.sequence):
            self._pushed[scope, frame.name] = frame.sequence
            for client in tuple(self._clients.get(scope, ())):
                client.enqueue(frame)

    def is_newer(self, scope: Scope, name: str, sequence: int) -> bool:
        """Return whether this instance has not pushed that version yet."""
        return sequence > self._pushed.get((scope, name), 0)

    def clients(self, scope: Scope) -> list[StreamClient]:
        """Return the clients of one environment, by the name of their instance."""
        return sorted(self._clients.get(scope, ()), key=lambda client: client.instance or "")

    def key_ids(self) -> list[str]:
        """Return the ids of the API keys with open streams."""
        return list({client.key_id for clients in self._clients.values() for client in clients})

    @property
    def size(self) -> int:
        """The number of open streams."""
        return sum(len(clients) for clients in self._clients.values())
