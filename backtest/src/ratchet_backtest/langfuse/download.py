"""Download scores, traces and generations from a Langfuse server."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import quote

from ratchet.prompt import Prompt, PromptError
from ratchet_backtest.langfuse.api_versions import (
    HEALTH,
    PROMPTS,
    LangfuseApi,
    ListRequest,
    api_for_version,
    next_page,
    score_configs,
)
from ratchet_backtest.langfuse.assembly import TraceAssembler
from ratchet_backtest.langfuse.deduplication import Deduplicator, TimeWindow, split_into_windows
from ratchet_backtest.langfuse.errors import LangfuseError
from ratchet_backtest.langfuse.fix_suggestion import PromptVersionKey
from ratchet_backtest.langfuse.http import NotFound, Server
from ratchet_backtest.langfuse.metric_selection import Limits
from ratchet_backtest.langfuse.prompt_documents import to_document
from ratchet_backtest.langfuse.schemas import (
    Generation,
    Health,
    PromptVersion,
    RootTrace,
    Score,
    UnexpectedResponse,
    Wire,
)
from ratchet_backtest.runner import ProgressBar

W = TypeVar("W", bound=Wire)
P = TypeVar("P", Score, RootTrace, Generation)
RequestFactory = Callable[[TimeWindow], tuple[ListRequest[P], ...]]
_LAG = timedelta(minutes=10)
"""Newer traces may be incomplete: generations and scores arrive later."""
_STEPS = 1000


def detect_api(server: Server) -> LangfuseApi:
    """Return the API of the server by one request without retries. Raises LangfuseError."""
    found = server.get(HEALTH, Health, tries=1)
    try:
        return api_for_version(found.version)
    except UnexpectedResponse as error:
        raise LangfuseError(f"{server.url}: {error}") from None


def read_limits(server: Server) -> Limits:
    """Return the range of scores by name, as configured in the project."""
    try:
        found = [config for page in _pages(server, score_configs()) for config in page]
    except NotFound:
        return {}
    return {
        config.name: (config.min_value, config.max_value)
        for config in found
        if config.min_value is not None and config.max_value is not None and config.min_value < config.max_value
    }


def download_traces(
    server: Server, api: LangfuseApi, start: datetime, now: datetime, into: TraceAssembler, bar: ProgressBar
) -> None:
    """Download traces since `start` with their scores into an assembler. Raises LangfuseError."""
    listing = _Listing(server, start, bar)
    listing.read("scores", now, api.scores, lambda score: score.id, into.score)
    until, texts = now - _LAG, into.texts is not None
    listing.read("traces", until, lambda window: (api.roots(window, texts),), _root_id, into.root)
    listing.read("generations", until, lambda window: (api.generations(window),), _id, into.generation)


def read_prompt(server: Server, version: PromptVersionKey) -> Prompt | str:
    """Return the content of a prompt version, or the reason why it is not available. Raises LangfuseError."""
    name, number = version
    params = {"version": str(number), "resolve": "false"}
    try:
        return to_document(server.get(f"{PROMPTS}/{quote(name, safe='')}", PromptVersion, params))
    except NotFound:
        return "it was deleted"
    except PromptError as error:
        return str(error)


class _Listing:
    def __init__(self, server: Server, start: datetime, bar: ProgressBar) -> None:
        self._server, self._start, self._bar = server, start, bar

    def read(
        self, stage: str, end: datetime, ask: "RequestFactory[P]", name: Callable[[P], str], add: Callable[[P], None]
    ) -> None:
        """Read all items of a kind without duplicates, window by window."""
        parts = split_into_windows(self._start, end)
        advance, fresh = self._bar(stage, _STEPS * len(parts)), Deduplicator()
        for done, window in enumerate(parts):
            for page in self._first_known(ask(window)):
                for entry in page:
                    if fresh.is_new(name(entry)):
                        add(entry)
                if page:
                    advance(round(_STEPS * (done + window.covered(page[0].at, page[-1].at))))
            fresh.next_window()
            advance(_STEPS * (done + 1))

    def _first_known(self, requests: tuple[ListRequest[P], ...]) -> Iterator[list[P]]:
        """Yield the pages of the first list endpoint that the server has."""
        for last, request in enumerate(requests, 1 - len(requests)):
            try:
                yield from _pages(self._server, request)
                return
            except NotFound:
                if last == 0:
                    raise


def _pages(server: Server, request: ListRequest[W]) -> Iterator[list[W]]:
    params, seen = dict(request.params), set[tuple[str, ...]]()
    while True:
        page = server.get(request.path, request.shape, params)
        yield page.data
        more = next_page(page.meta, empty=not page.data)
        if more is None:
            return
        marker = tuple(more.values())
        if marker in seen:
            raise LangfuseError(f"{server.url} repeats a page of {request.path}: {marker[0][:80]}")
        seen.add(marker)
        params |= more


def _root_id(root: RootTrace) -> str:
    return f"{root.trace_id} {root.at}"


def _id(found: Generation) -> str:
    return found.id
