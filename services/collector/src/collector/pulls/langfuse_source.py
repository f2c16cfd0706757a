"""Reads traces and scores of a Langfuse server."""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

import httpx

from collector.domain.pulls.langfuse_scores import ScoreMapping, score_item
from collector.domain.pulls.langfuse_traces import TraceCalls, is_evaluator, trace_item
from collector.domain.pulls.pull_state import ErrorCode
from collector.domain.pulls.pull_window import Slice
from collector.domain.pulls.pulled_item import PulledItem
from collector.pulls.configuration import LangfusePull
from collector.pulls.pull_source import SliceTooLarge, SourceError, Stopped
from ratchet_langfuse.api_versions import LangfuseApi, TraceFilter
from ratchet_langfuse.errors import AnswerTooLarge, LangfuseAccessDenied, LangfuseError, Unreachable
from ratchet_langfuse.http import Server, connect
from ratchet_langfuse.pages import detect_api, read_first_known, read_pages, read_prompt
from ratchet_langfuse.schemas import RootTrace, Score, ToolObservation
from ratchet_langfuse.time_windows import TimeWindow
from ratchet_langfuse.writer import ScoreWriter

MAX_CALLS = 50_000
"""Calls and scores of a slice, which are held in memory: about 30 MB without the texts of tools."""
MAX_RESPONSE = 32_000_000
"""Bytes of one answer."""
_PAGE_SIZES = (100, 20, 4)
"""Traces with texts in one answer; fewer where an answer is too large."""
_LONGEST_TRACE = timedelta(hours=1)
"""Calls are looked for until this long after the end of a slice."""
_MAX_DOCUMENTS = 1_000
_GROUP = 1_000
"""Scores that are ingested together."""


class LangfuseSource:
    """A server, read with at most `requests_per_minute`."""

    def __init__(
        self,
        pull: LangfusePull,
        client: httpx.Client | None = None,
        wait: Callable[[float], bool] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """`wait` waits for a number of seconds and returns whether the process ends."""
        config = pull.config(environ)
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._next_request = 0.0
        self._pull = pull
        self._client = client or connect(config)
        self._client.event_hooks = {"request": [self._throttle]}
        self._server = Server(config.url, self._client, self._pause, max_bytes=MAX_RESPONSE, prefix=config.prefix)
        self._writer = ScoreWriter(config.url, self._client, self._pause, prefix=config.prefix)
        self._filter = TraceFilter(pull.trace_name, tuple(pull.tags))
        self._mapping = ScoreMapping(pull.reward, pull.user_feedback)
        self._documents: dict[tuple[str, int], dict[str, Any]] = {}
        self._unavailable: set[tuple[str, int]] = set()

    @cached_property
    def _api(self) -> LangfuseApi:
        return detect_api(self._server)

    def read(self, part: Slice) -> Iterator[Sequence[PulledItem]]:
        """Yield the traces that started in a slice, and the scores that were given in it."""
        try:
            calls = self._read_calls(part)
            yield from self._read_traces(part, calls)
            calls.clear()
            scores = self._read_scores(part)
            yield from (scores[start : start + _GROUP] for start in range(0, len(scores), _GROUP))
        except LangfuseError as error:
            raise SourceError(_code(error), str(error)) from error

    def write_score(self, body: Mapping[str, Any]) -> bool:
        """Write a score. Return False if the server refuses it for good."""
        try:
            return self._writer.create_score(body)
        except LangfuseError as error:
            raise SourceError(_code(error), str(error)) from error

    def close(self) -> None:
        """Close connections. Waits in progress raise Stopped."""
        self._stop.set()
        self._client.close()

    def _read_calls(self, part: Slice) -> dict[str, TraceCalls]:
        """Return the calls of models and tools by trace."""
        found: dict[str, TraceCalls] = defaultdict(TraceCalls)
        window, seen = TimeWindow(part.start, part.end + _LONGEST_TRACE), set[str]()
        for generations in read_pages(self._server, self._api.generations(window, self._filter)):
            for generation in generations:
                if generation.id not in seen:
                    found[generation.trace_id or ""].add_generation(generation)
                seen.add(generation.id)
            self._check_size(len(seen), part)
        for tool in self._read_tools(window):
            if tool.id not in seen:
                found[tool.trace_id or ""].add_tool(tool)
            seen.add(tool.id)
            self._check_size(len(seen), part)
        return found

    def _read_tools(self, window: TimeWindow) -> Iterator[ToolObservation]:
        """Yield the calls of tools with their texts; without them where even a few are too large for one answer.

        Calls are repeated where a later page was too large.
        """
        for size in _PAGE_SIZES:
            try:
                for page in read_pages(self._server, self._api.tools(window, True, self._filter, size)):
                    yield from page
                return
            except AnswerTooLarge:
                continue
        for page in read_pages(self._server, self._api.tools(window, False, self._filter)):
            yield from page

    def _check_size(self, size: int, part: Slice) -> None:
        if size > MAX_CALLS and part.halves() is not None:
            raise SliceTooLarge

    def _read_traces(self, part: Slice, calls: dict[str, TraceCalls]) -> Iterator[list[PulledItem]]:
        """Yield traces with their texts; without texts where even a few are too large for one answer."""
        window = TimeWindow(part.start, part.end)
        for size in _PAGE_SIZES:
            try:
                yield from self._pages_of_traces(window, calls, size)
                return
            except AnswerTooLarge:
                continue
        yield from self._pages_of_traces(window, calls, None)

    def _pages_of_traces(
        self, window: TimeWindow, calls: dict[str, TraceCalls], size: int | None
    ) -> Iterator[list[PulledItem]]:
        request = self._api.roots(window, size is not None, self._filter, size)
        for page in read_pages(self._server, request):
            roots = [root for root in page if root.trace_id and not is_evaluator(root)]
            yield [self._trace(root, calls.get(root.trace_id or "") or TraceCalls()) for root in roots]

    def _trace(self, root: RootTrace, calls: TraceCalls) -> PulledItem:
        for prompt in calls.prompts:
            self._load_document(prompt)
        return trace_item(root, calls, self._pull.target, self._documents)

    def _load_document(self, prompt: tuple[str, int]) -> None:
        """Read a prompt version once: it can't be changed."""
        if prompt in self._documents or prompt in self._unavailable:
            return
        if len(self._documents) + len(self._unavailable) >= _MAX_DOCUMENTS:
            return
        document = read_prompt(self._server, *prompt)
        if isinstance(document, str):
            self._unavailable.add(prompt)
        else:
            self._documents[prompt] = document.to_dict()

    def _read_scores(self, part: Slice) -> list[PulledItem]:
        """Return the feedback of a slice, oldest first: a later one replaces an earlier one."""
        scores: dict[str, Score] = {}
        for page in read_first_known(self._server, self._api.scores(TimeWindow(part.start, part.end), details=True)):
            scores |= {score.id: score for score in page}
            self._check_size(len(scores), part)
        ordered = sorted(scores.values(), key=lambda score: (score.at, score.id))
        return [item for score in ordered if (item := score_item(score, self._mapping)) is not None]

    def _throttle(self, _: httpx.Request) -> None:
        """Wait until the next request may be sent."""
        now = time.monotonic()
        if self._next_request > now:
            self._pause(self._next_request - now, "")
        self._next_request = max(now, self._next_request) + 60.0 / self._pull.requests_per_minute

    def _pause(self, seconds: float, why: str) -> None:
        if self._wait(seconds):
            raise Stopped


def _code(error: LangfuseError) -> ErrorCode:
    if isinstance(error, Unreachable):
        return "unreachable"
    return "access-denied" if isinstance(error, LangfuseAccessDenied) else "invalid-answer"
