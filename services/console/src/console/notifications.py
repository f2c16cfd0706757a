"""Notifications of open pages: the names of topics that have new events. The page then reloads its content."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from weakref import WeakSet

from shared.web.event_stream import KEEP_ALIVE, KEEP_ALIVE_S, wait_for_event

_MAX_PAGES_PER_PERSON = 60


class TooManyPages(Exception):
    """This instance, or this person, has as many open pages as allowed."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class OpenPage:
    """The event stream of one open page. A topic is sent once, however many events it had since the last frame."""

    project: str
    environment: str
    subject: str
    _topics: set[str] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def notify(self, topic: str) -> None:
        """Send `topic` in the next frame."""
        self._topics.add(topic)
        self._changed.set()

    async def frames(self, keep_alive: float) -> AsyncIterator[bytes]:
        """Yield server-sent events with the changed topics; a comment after `keep_alive` seconds of silence."""
        while True:
            if not await wait_for_event(self._changed, keep_alive):
                yield KEEP_ALIVE
                continue
            topics, self._topics = sorted(self._topics), set()
            yield f"data: {' '.join(topics)}\n\n".encode()


class Notifications:
    """The open pages of one instance, at most `max_pages`. `keep_alive`: seconds of silence before a comment.

    Pages are held weakly: a stream that is closed before its first frame never calls `leave`.
    """

    def __init__(self, max_pages: int, keep_alive: float = KEEP_ALIVE_S) -> None:
        self.keep_alive = keep_alive
        self._max_pages = max_pages
        self._pages: WeakSet[OpenPage] = WeakSet()

    def join(self, project: str, environment: str, subject: str) -> OpenPage:
        """Add an open page of the person `subject`. Raises TooManyPages."""
        of_person = sum(page.subject == subject for page in self._pages)
        if len(self._pages) >= self._max_pages or of_person >= _MAX_PAGES_PER_PERSON:
            raise TooManyPages
        page = OpenPage(project, environment, subject)
        self._pages.add(page)
        return page

    def leave(self, page: OpenPage) -> None:
        """Remove an open page."""
        self._pages.discard(page)

    def publish(self, project: str, environment: str | None, topic: str) -> None:
        """Notify all pages of an environment; of all environments of the project if `environment` is None."""
        for page in tuple(self._pages):
            if page.project == project and environment in (None, page.environment):
                page.notify(topic)
