"""Download scores, traces and generations from a Langfuse server."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from ratchet_backtest.langfuse.assembly import TraceAssembler
from ratchet_backtest.langfuse.metric_selection import Limits
from ratchet_backtest.runner import ProgressBar
from ratchet_langfuse.api_versions import LangfuseApi, ListRequest, score_configs
from ratchet_langfuse.errors import NotFound
from ratchet_langfuse.http import Server
from ratchet_langfuse.pages import read_first_known, read_pages
from ratchet_langfuse.schemas import Generation, RootTrace, Score
from ratchet_langfuse.time_windows import Deduplicator, TimeWindow, split_into_windows

P = TypeVar("P", Score, RootTrace, Generation)
RequestFactory = Callable[[TimeWindow], tuple[ListRequest[P], ...]]
_LAG = timedelta(minutes=10)
"""Newer traces may be incomplete: generations and scores arrive later."""
_STEPS = 1000


def read_limits(server: Server) -> Limits:
    """Return the range of scores by name, as configured in the project."""
    try:
        found = [config for page in read_pages(server, score_configs()) for config in page]
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
            for page in read_first_known(self._server, ask(window)):
                for entry in page:
                    if fresh.is_new(name(entry)):
                        add(entry)
                if page:
                    advance(round(_STEPS * (done + window.covered(page[0].at, page[-1].at))))
            fresh.next_window()
            advance(_STEPS * (done + 1))


def _root_id(root: RootTrace) -> str:
    return f"{root.trace_id} {root.at}"


def _id(found: Generation) -> str:
    return found.id
