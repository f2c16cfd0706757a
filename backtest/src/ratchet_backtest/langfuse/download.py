"""Reads a Langfuse server's past, page after page."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import quote

from ratchet.prompt import Prompt, PromptError
from ratchet_backtest.langfuse.api_versions import (
    HEALTH,
    PROMPTS,
    Dialect,
    ListRequest,
    api_for_version,
    configs,
    next_page,
)
from ratchet_backtest.langfuse.assembly import TraceAssembler
from ratchet_backtest.langfuse.deduplication import Deduplicator, TimeWindow, windows
from ratchet_backtest.langfuse.errors import LangfuseError
from ratchet_backtest.langfuse.fix_suggestion import Version
from ratchet_backtest.langfuse.http import Missing, Server
from ratchet_backtest.langfuse.metric_selection import Limits
from ratchet_backtest.langfuse.prompt_documents import document
from ratchet_backtest.langfuse.schemas import Generation, Health, PromptVersion, Root, Score, UnexpectedResponse, Wire
from ratchet_backtest.runner import Bar

W = TypeVar("W", bound=Wire)
P = TypeVar("P", Score, Root, Generation)
Ask = Callable[[TimeWindow], tuple[ListRequest[P], ...]]
_LAG = timedelta(minutes=10)
"""What is younger may not be there in full: its generations and scores come later."""
_STEPS = 1000


def speaks(server: Server) -> Dialect:
    """What the server answers. It is asked once: an address where nobody is should be told at once. Raises Trouble."""
    found = server.get(HEALTH, Health, tries=1)
    try:
        return api_for_version(found.version)
    except UnexpectedResponse as error:
        raise LangfuseError(f"{server.url}: {error}") from None


def read_limits(server: Server) -> Limits:
    """From where to where scores of a name may be, as far as the project says."""
    try:
        found = [config for page in _pages(server, configs()) for config in page]
    except Missing:
        return {}
    return {
        one.name: (one.min_value, one.max_value)
        for one in found
        if one.min_value is not None and one.max_value is not None and one.min_value < one.max_value
    }


def gather(server: Server, speech: Dialect, start: datetime, now: datetime, into: TraceAssembler, bar: Bar) -> None:
    """Reads what ran from `start` on, and what was said of it until now. Raises Trouble."""
    listing = _Listing(server, start, bar)
    listing.read("scores", now, speech.scores, lambda score: score.id, into.score)
    until, texts = now - _LAG, into.texts is not None
    listing.read("traces", until, lambda window: (speech.roots(window, texts),), _root_id, into.root)
    listing.read("generations", until, lambda window: (speech.generations(window),), _id, into.generation)


def read_prompt(server: Server, version: Version) -> Prompt | str:
    """A version's content as it was written, or why it is not known. Raises Trouble."""
    name, number = version
    params = {"version": str(number), "resolve": "false"}
    try:
        return document(server.get(f"{PROMPTS}/{quote(name, safe='')}", PromptVersion, params))
    except Missing:
        return "it was deleted"
    except PromptError as error:
        return str(error)


class _Listing:
    def __init__(self, server: Server, start: datetime, bar: Bar) -> None:
        self._server, self._start, self._bar = server, start, bar

    def read(
        self, stage: str, end: datetime, ask: "Ask[P]", name: Callable[[P], str], take: Callable[[P], None]
    ) -> None:
        """Each item of a kind once, window after window."""
        parts = windows(self._start, end)
        advance, fresh = self._bar(stage, _STEPS * len(parts)), Deduplicator()
        for done, window in enumerate(parts):
            for page in self._first_known(ask(window)):
                for item in page:
                    if fresh.new(name(item)):
                        take(item)
                if page:
                    advance(round(_STEPS * (done + window.covered(page[0].at, page[-1].at))))
            fresh.turn()
            advance(_STEPS * (done + 1))

    def _first_known(self, askings: tuple[ListRequest[P], ...]) -> Iterator[list[P]]:
        """The pages of the first listing that the server has."""
        for last, asking in enumerate(askings, 1 - len(askings)):
            try:
                yield from _pages(self._server, asking)
                return
            except Missing:
                if last == 0:
                    raise


def _pages(server: Server, asking: ListRequest[W]) -> Iterator[list[W]]:
    params, seen = dict(asking.params), set[tuple[str, ...]]()
    while True:
        page = server.get(asking.path, asking.shape, params)
        yield page.data
        more = next_page(page.meta, empty=not page.data)
        if more is None:
            return
        place = tuple(more.values())
        if place in seen:
            raise LangfuseError(
                f"{server.url} gives the pages of {asking.path} in a circle: {place[0][:80]} came before"
            )
        seen.add(place)
        params |= more


def _root_id(root: Root) -> str:
    return f"{root.trace_id} {root.at}"


def _id(found: Generation) -> str:
    return found.id
