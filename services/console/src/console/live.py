"""Open pages, and what they are told: that something of a topic changed. What it is they ask for themselves."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from weakref import WeakSet

Place = tuple[str, str | None]
"""A project and an environment; None for what concerns all of a project's."""


class Crowded(Exception):
    """This instance keeps as many pages up to date as it may."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class OpenPage:
    """One page that listens. News of a topic that was not told yet is told once."""

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
    """All open pages of one instance, by place. Raises Crowded past `most`.

    Held weakly: a stream that was given up before its first frame never gets to `leave`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pages: dict[tuple[str, str], WeakSet[OpenPage]] = defaultdict(WeakSet)

    def join(self, place: tuple[str, str]) -> OpenPage:
        if sum(map(len, self._pages.values())) >= self._most:
            raise Crowded
        page = OpenPage()
        self._pages[place].add(page)
        return page

    def leave(self, place: tuple[str, str], page: OpenPage) -> None:
        self._pages[place].discard(page)
        if not self._pages[place]:
            del self._pages[place]

    def tell(self, place: Place, topic: str) -> None:
        """Tells every page of a place."""
        project, environment = place
        for (its_project, its_environment), pages in tuple(self._pages.items()):
            if its_project == project and environment in (None, its_environment):
                for page in pages:
                    page.tell(topic)
