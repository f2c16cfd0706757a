"""Who is connected to this instance, and what each has still to be sent (no I/O).

A slow client costs at most one frame a prompt: a newer version takes the place of one that it has not read.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

Scope = tuple[str, str]
"""A project and an environment."""


class Crowded(Exception):
    """This instance has as many streams as it may."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One version of one prompt, as the bytes that every client gets."""

    name: str
    sequence: int
    data: bytes


@dataclass(eq=False, slots=True)
class Client:
    """One open stream. `names` None means all prompts."""

    names: frozenset[str] | None
    _waiting: dict[str, Frame] = field(default_factory=dict)
    _sent: dict[str, int] = field(default_factory=dict)
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, frame: Frame) -> None:
        """Puts a frame in the client's way, unless it had this version or a newer one."""
        if self.names is not None and frame.name not in self.names:
            return
        if frame.sequence > self._sent.get(frame.name, 0):
            self._sent[frame.name] = frame.sequence
            self._waiting[frame.name] = frame
            self._bell.set()

    async def frames(self, keep_alive: float) -> AsyncIterator[bytes]:
        """What to write, for ever; a comment after `keep_alive` seconds of silence."""
        while True:
            try:
                async with asyncio.timeout(keep_alive):
                    await self._bell.wait()
            except TimeoutError:
                yield b": keep-alive\n\n"
                continue
            self._bell.clear()
            waiting, self._waiting = self._waiting, {}
            yield b"".join(frame.data for frame in waiting.values())


class Hub:
    """All clients of one instance, by project and environment, and the newest sequences that it has pushed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._clients: dict[Scope, set[Client]] = defaultdict(set)
        self._pushed: dict[tuple[Scope, str], int] = {}

    def join(self, scope: Scope, names: Iterable[str] | None) -> Client:
        """A new client, which gets every push from now on. Raises Crowded."""
        if self.size >= self._limit:
            raise Crowded
        client = Client(None if names is None else frozenset(names))
        self._clients[scope].add(client)
        return client

    def leave(self, scope: Scope, client: Client) -> None:
        """The client is gone."""
        self._clients[scope].discard(client)
        if not self._clients[scope]:
            del self._clients[scope]

    def push(self, scope: Scope, frame: Frame) -> None:
        """Hands a version to everybody who wants it; older ones than pushed before are left out."""
        if self.behind(scope, frame.name, frame.sequence):
            self._pushed[scope, frame.name] = frame.sequence
            for client in tuple(self._clients.get(scope, ())):
                client.offer(frame)

    def behind(self, scope: Scope, name: str, sequence: int) -> bool:
        """Whether this instance has not pushed that version yet."""
        return sequence > self._pushed.get((scope, name), 0)

    @property
    def size(self) -> int:
        """How many streams are open."""
        return sum(len(clients) for clients in self._clients.values())
