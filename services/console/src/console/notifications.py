"""Open pages, and what they are told: that something of a topic changed. What it is they ask for themselves."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from weakref import WeakSet

Place = tuple[str, str | None]
"""A project and an environment; None for what concerns all of a project's."""


_EACH = 60
"""Pages that one person may keep open, so that nobody takes all the places."""


class TooManyStreams(Exception):
    """This instance keeps as many pages up to date as it may, or as many of one person's."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class OpenPage:
    """One page that listens. News of a topic that was not told yet is told once."""

    place: tuple[str, str]
    who: str
    _news: set[str] = field(default_factory=set)
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, topic: str) -> None:
        self._news.add(topic)
        self._bell.set()

    async def frames(self, keep_alive: float) -> AsyncIterator[bytes]:
        """Server-sent events for ever: the topics with news, or a comment after `keep_alive` seconds of silence."""
        while True:
            try:
                async with asyncio.timeout(keep_alive):
                    await self._bell.wait()
            except TimeoutError:
                yield b": keep-alive\n\n"
                continue
            self._bell.clear()
            topics, self._news = sorted(self._news), set()
            yield f"data: {' '.join(topics)}\n\n".encode()


class OpenPages:
    """All open pages of one instance, `most` of them.

    Held weakly: a stream that was given up before its first frame never gets to `leave`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pages: WeakSet[OpenPage] = WeakSet()

    def join(self, place: tuple[str, str], who: str) -> OpenPage:
        """A page of `who`, which hears all news of a place from now on. Raises Crowded."""
        if len(self._pages) >= self._most or sum(page.who == who for page in self._pages) >= _EACH:
            raise TooManyStreams
        page = OpenPage(place, who)
        self._pages.add(page)
        return page

    def leave(self, page: OpenPage) -> None:
        self._pages.discard(page)

    def tell(self, place: Place, topic: str) -> None:
        """Tells every page of a place."""
        project, environment = place
        for page in tuple(self._pages):
            if page.place[0] == project and environment in (None, page.place[1]):
                page.tell(topic)
