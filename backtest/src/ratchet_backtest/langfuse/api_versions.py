"""Which paths and parameters a server answers: version 4 by observations and cursors, version 3 by traces and pages.

The server's own description of its API is what they are tested against.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from ratchet_backtest.langfuse.deduplication import TimeWindow
from ratchet_backtest.langfuse.schemas import (
    Config,
    Generation,
    Listing,
    Meta,
    Root,
    Score,
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
    """A listing: its path, the parameters of its first page, and the shape of its pages."""

    path: str
    params: Mapping[str, str]
    shape: type[Listing[W]]


def next_page(meta: Meta, empty: bool) -> Mapping[str, str] | None:
    """The parameters that lead to the page after one; None after the last. Only pages by number end by being empty."""
    if meta.cursor:
        return {"cursor": meta.cursor}
    if meta.page is not None and meta.total_pages is not None and meta.page < meta.total_pages and not empty:
        return {"page": str(meta.page + 1)}
    return None


def configs() -> ListRequest[Config]:
    return ListRequest("/api/public/score-configs", {"page": "1", "limit": "100"}, Listing[Config])


class V4Api:
    """Version 4: a trace is its root observation."""

    def scores(self, window: TimeWindow) -> tuple[ListRequest[Score], ...]:
        """Listings of scores, the likeliest first: the next is asked where one is missing."""
        span = {"fromTimestamp": iso(window.start), "toTimestamp": iso(window.end)}
        return (ListRequest("/api/public/v3/scores", {**span, "fields": "subject", "limit": "100"}, Listing[Score]),)

    def roots(self, window: TimeWindow, texts: bool) -> ListRequest[Root]:
        fields = "basic,metrics,trace_context" + (",io" if texts else "")
        params = {"isRootObservation": "true", "fields": fields, "limit": "100" if texts else "1000"}
        return ListRequest(_OBSERVATIONS, {**_span(window), **params}, Listing[Root])

    def generations(self, window: TimeWindow) -> ListRequest[Generation]:
        params = {"type": "GENERATION", "fields": "basic,model,prompt,usage", "limit": "1000"}
        return ListRequest(_OBSERVATIONS, {**_span(window), **params}, Listing[Generation])


class V3Api:
    """Version 3 and before, at most 100 items a page."""

    def scores(self, window: TimeWindow) -> tuple[ListRequest[Score], ...]:
        span = {"fromTimestamp": iso(window.start), "toTimestamp": iso(window.end), **_FIRST}
        return (
            ListRequest("/api/public/v2/scores", {**span, "fields": "score"}, Listing[Score]),
            ListRequest("/api/public/scores", span, Listing[Score]),
        )

    def roots(self, window: TimeWindow, texts: bool) -> ListRequest[Root]:
        fields = "core,metrics" + (",io" if texts else "")
        span = {"fromTimestamp": iso(window.start), "toTimestamp": iso(window.end), "orderBy": "timestamp.asc"}
        return ListRequest("/api/public/traces", {**span, **_FIRST, "fields": fields}, Listing[Root])

    def generations(self, window: TimeWindow) -> ListRequest[Generation]:
        return ListRequest(
            "/api/public/observations", {**_span(window), **_FIRST, "type": "GENERATION"}, Listing[Generation]
        )


Dialect = V4Api | V3Api
_OBSERVATIONS = "/api/public/v2/observations"
_FIRST = {"page": "1", "limit": "100"}


def api_for_version(version: str) -> Dialect:
    """What a server of that version answers. Raises Strange."""
    major = re.match(r"v?(\d+)", version.strip())
    if major is None:
        raise UnexpectedResponse(f"version {version[:40]!r} is not known")
    return V4Api() if int(major[1]) >= _CURSORS_SINCE else V3Api()


def _span(window: TimeWindow) -> dict[str, str]:
    return {"fromStartTime": iso(window.start), "toStartTime": iso(window.end)}
