"""Paths and parameters by server version: 4 with observations and cursors, 3 with traces and page numbers.

They are tested against Langfuse's own description of its API.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ratchet_langfuse.schemas import (
    Generation,
    Listing,
    PageMeta,
    RootTrace,
    Score,
    ScoreConfig,
    ToolObservation,
    UnexpectedResponse,
    Wire,
    iso,
)
from ratchet_langfuse.time_windows import TimeWindow

HEALTH = "/api/public/health"
PROMPTS = "/api/public/v2/prompts"
W = TypeVar("W", bound=Wire)
_CURSORS_SINCE = 4


@dataclass(frozen=True, slots=True)
class ListRequest(Generic[W]):
    """A list endpoint: path, parameters of the first page, and model of its pages."""

    path: str
    params: Mapping[str, str | Sequence[str]]
    shape: type[Listing[W]]


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which traces are wanted: those with this name, and all of these tags."""

    name: str | None = None
    tags: tuple[str, ...] = ()


ALL = TraceFilter()


def next_page(meta: PageMeta, empty: bool) -> Mapping[str, str] | None:
    """Return the parameters of the next page; None after the last. An empty page ends numbered pages."""
    if meta.cursor:
        return {"cursor": meta.cursor}
    if meta.page is not None and meta.total_pages is not None and meta.page < meta.total_pages and not empty:
        return {"page": str(meta.page + 1)}
    return None


def score_configs() -> ListRequest[ScoreConfig]:
    """Return the request for score configurations."""
    return ListRequest("/api/public/score-configs", {"page": "1", "limit": "100"}, Listing[ScoreConfig])


class V4Api:
    """API of version 4: a trace is its root observation."""

    def scores(self, window: TimeWindow, details: bool = False) -> tuple[ListRequest[Score], ...]:
        """Return requests for scores; each is a fallback if the server lacks the previous one.

        `details`: with comments and authors.
        """
        span = {"fromTimestamp": iso(window.start), "toTimestamp": iso(window.end)}
        fields = "subject,details,annotation" if details else "subject"
        return (ListRequest("/api/public/v3/scores", {**span, "fields": fields, "limit": "100"}, Listing[Score]),)

    def roots(
        self, window: TimeWindow, texts: bool, wanted: TraceFilter = ALL, size: int | None = None
    ) -> ListRequest[RootTrace]:
        """Return the request for traces, at most `size` in a page; by default 100 with texts, else 1,000."""
        fields = "basic,metrics,trace_context" + (",io" if texts else "")
        limit = str(size or (100 if texts else 1000))
        params = _observations(window, wanted, "isRootObservation", True)
        return ListRequest(_OBSERVATIONS, {**params, "fields": fields, "limit": limit}, Listing[RootTrace])

    def generations(self, window: TimeWindow, wanted: TraceFilter = ALL) -> ListRequest[Generation]:
        params = {**_observations(window, wanted, "type", "GENERATION"), "fields": "basic,model,prompt,usage"}
        return ListRequest(_OBSERVATIONS, {**params, "limit": "1000"}, Listing[Generation])

    def tools(
        self, window: TimeWindow, texts: bool, wanted: TraceFilter = ALL, size: int | None = None
    ) -> ListRequest[ToolObservation]:
        """Return the request for calls of tools; pages as of `roots`."""
        fields = "basic,metrics" + (",io" if texts else "")
        limit = str(size or (100 if texts else 1000))
        params = {**_observations(window, wanted, "type", "TOOL"), "fields": fields, "limit": limit}
        return ListRequest(_OBSERVATIONS, params, Listing[ToolObservation])


class V3Api:
    """API of version 3 and earlier: at most 100 items per page. Only traces are filtered by name and tags."""

    def scores(self, window: TimeWindow, details: bool = False) -> tuple[ListRequest[Score], ...]:
        span = {"fromTimestamp": iso(window.start), "toTimestamp": iso(window.end), **_FIRST}
        return (
            ListRequest("/api/public/v2/scores", {**span, "fields": "score"}, Listing[Score]),
            ListRequest("/api/public/scores", span, Listing[Score]),
        )

    def roots(
        self, window: TimeWindow, texts: bool, wanted: TraceFilter = ALL, size: int | None = None
    ) -> ListRequest[RootTrace]:
        fields = "core,metrics" + (",io" if texts else "")
        span = {"fromTimestamp": iso(window.start), "toTimestamp": iso(window.end), "orderBy": "timestamp.asc"}
        params = {**span, **_FIRST, "fields": fields, **({} if size is None else {"limit": str(size)})}
        named = {} if wanted.name is None else {"name": wanted.name}
        tagged = {"tags": wanted.tags} if wanted.tags else {}
        return ListRequest("/api/public/traces", {**params, **named, **tagged}, Listing[RootTrace])

    def generations(self, window: TimeWindow, wanted: TraceFilter = ALL) -> ListRequest[Generation]:
        params = {**_span(window), **_FIRST, "type": "GENERATION"}
        return ListRequest("/api/public/observations", params, Listing[Generation])

    def tools(
        self, window: TimeWindow, texts: bool, wanted: TraceFilter = ALL, size: int | None = None
    ) -> ListRequest[ToolObservation]:
        """Return the request for calls of tools; this API has their texts always."""
        params = {**_span(window), **_FIRST, "type": "TOOL", **({} if size is None else {"limit": str(size)})}
        return ListRequest("/api/public/observations", params, Listing[ToolObservation])


LangfuseApi = V4Api | V3Api
_OBSERVATIONS = "/api/public/v2/observations"
_FIRST = {"page": "1", "limit": "100"}


def api_for_version(version: str) -> LangfuseApi:
    """Return the API of a server version. Raises UnexpectedResponse."""
    major = re.match(r"v?(\d+)", version.strip())
    if major is None:
        raise UnexpectedResponse(f"unknown version {version[:40]!r}")
    return V4Api() if int(major[1]) >= _CURSORS_SINCE else V3Api()


def _span(window: TimeWindow) -> dict[str, str]:
    return {"fromStartTime": iso(window.start), "toStartTime": iso(window.end)}


def _observations(window: TimeWindow, wanted: TraceFilter, column: str, value: str | bool) -> dict[str, str]:
    """Return the parameters of a list of observations. The parameter `filter` replaces all others."""
    if wanted == ALL:
        return {**_span(window), column: value if isinstance(value, str) else str(value).lower()}
    conditions: list[dict[str, object]] = [
        _condition("datetime", "startTime", ">=", iso(window.start)),
        _condition("datetime", "startTime", "<", iso(window.end)),
        _condition("string" if isinstance(value, str) else "boolean", column, "=", value),
    ]
    if wanted.name is not None:
        conditions.append(_condition("string", "traceName", "=", wanted.name))
    if wanted.tags:
        conditions.append(_condition("arrayOptions", "traceTags", "all of", list(wanted.tags)))
    return {"filter": json.dumps(conditions)}


def _condition(kind: str, column: str, operator: str, value: object) -> dict[str, object]:
    return {"type": kind, "column": column, "operator": operator, "value": value}
