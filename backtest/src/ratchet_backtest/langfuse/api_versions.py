"""Paths and parameters by server version: 4 with observations and cursors, 3 with traces and page numbers.

They are tested against Langfuse's own description of its API.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from ratchet_backtest.langfuse.deduplication import TimeWindow
from ratchet_backtest.langfuse.schemas import (
    Generation,
    Listing,
    PageMeta,
    RootTrace,
    Score,
    ScoreConfig,
    UnexpectedResponse,
    Wire,
    iso,
)

HEALTH = "/api/public/health"
PROMPTS = "/api/public/v2/prompts"
W = TypeVar("W", bound=Wire)
_CURSORS_SINCE = 4


@dataclass(frozen=True, slots=True)
class ListRequest(Generic[W]):
    """A list endpoint: path, parameters of the first page, and model of its pages."""

    path: str
    params: Mapping[str, str]
    shape: type[Listing[W]]


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

    def scores(self, window: TimeWindow) -> tuple[ListRequest[Score], ...]:
        """Return requests for scores; each is a fallback if the server lacks the previous one."""
        span = {"fromTimestamp": iso(window.start), "toTimestamp": iso(window.end)}
        return (ListRequest("/api/public/v3/scores", {**span, "fields": "subject", "limit": "100"}, Listing[Score]),)

    def roots(self, window: TimeWindow, texts: bool) -> ListRequest[RootTrace]:
        fields = "basic,metrics,trace_context" + (",io" if texts else "")
        params = {"isRootObservation": "true", "fields": fields, "limit": "100" if texts else "1000"}
        return ListRequest(_OBSERVATIONS, {**_span(window), **params}, Listing[RootTrace])

    def generations(self, window: TimeWindow) -> ListRequest[Generation]:
        params = {"type": "GENERATION", "fields": "basic,model,prompt,usage", "limit": "1000"}
        return ListRequest(_OBSERVATIONS, {**_span(window), **params}, Listing[Generation])


class V3Api:
    """API of version 3 and earlier: at most 100 items per page."""

    def scores(self, window: TimeWindow) -> tuple[ListRequest[Score], ...]:
        span = {"fromTimestamp": iso(window.start), "toTimestamp": iso(window.end), **_FIRST}
        return (
            ListRequest("/api/public/v2/scores", {**span, "fields": "score"}, Listing[Score]),
            ListRequest("/api/public/scores", span, Listing[Score]),
        )

    def roots(self, window: TimeWindow, texts: bool) -> ListRequest[RootTrace]:
        fields = "core,metrics" + (",io" if texts else "")
        span = {"fromTimestamp": iso(window.start), "toTimestamp": iso(window.end), "orderBy": "timestamp.asc"}
        return ListRequest("/api/public/traces", {**span, **_FIRST, "fields": fields}, Listing[RootTrace])

    def generations(self, window: TimeWindow) -> ListRequest[Generation]:
        return ListRequest(
            "/api/public/observations", {**_span(window), **_FIRST, "type": "GENERATION"}, Listing[Generation]
        )


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
