"""Outcome, latency and time of a span. Pure."""

import re
from datetime import UTC, datetime, timedelta

from collector.domain.otlp.conventions import FIRST_TOKEN, FIRST_TOKEN_EVENTS
from collector.domain.otlp.flattened import is_number, parsed
from collector.domain.otlp.span import ExportedSpan
from shared.events.feedback import Outcome

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMEOUT = re.compile(r"time.?out|deadline.?exceeded", re.IGNORECASE)
_REFUSALS = frozenset({"content_filter", "content-filter", "refusal", "safety"})
_ERROR_NAMES = ("error.type", "exception.type")
_FINISH = (
    "gen_ai.response.finish_reasons",
    "llm.finish_reason",
    "ai.response.finishReason",
    "gen_ai.completion.0.finish_reason",
)


def outcome(span: ExportedSpan) -> Outcome:
    """Return the outcome. A span without a status is ok: instrumentations set the status of failures only."""
    errors = [str(found) for name in _ERROR_NAMES if (found := span.attributes.get(name))]
    if span.status == "error" or (errors and span.status == "unset"):
        exceptions = [event.attributes for event in span.events if event.name == "exception"]
        errors += [str(exception.get("exception.type", "")) for exception in exceptions]
        return "timeout" if any(map(_TIMEOUT.search, errors)) else "error"
    return "refused" if _REFUSALS & _finish_reasons(span) else "ok"


def _finish_reasons(span: ExportedSpan) -> set[str]:
    found: set[str] = set()
    for name in _FINISH:
        value = parsed(span.attributes.get(name))
        reasons = value if isinstance(value, list) else [value]
        found |= {reason.lower() for reason in reasons if isinstance(reason, str)}
    return found


def latency_ms(span: ExportedSpan) -> float | None:
    """Return the duration in milliseconds; None where a time is missing or the end is before the start."""
    return (span.end - span.start) / 1e6 if 0 < span.start <= span.end else None


def time_to_first_token_ms(span: ExportedSpan) -> float | None:
    """Return the milliseconds to the first token; None where the span has neither an attribute nor an event for it."""
    for name, milliseconds in FIRST_TOKEN.items():
        value = span.attributes.get(name)
        if is_number(value) and value >= 0:
            return float(value) * milliseconds
    times = [event.time for event in span.events if event.name in FIRST_TOKEN_EVENTS and event.time]
    return (min(times) - span.start) / 1e6 if times and 0 < span.start <= min(times) else None


def occurred_at(span: ExportedSpan) -> str | None:
    """Return the end of the span as ISO 8601, as the SDK records an execution after its call."""
    moment = span.end or span.start
    return (_EPOCH + timedelta(microseconds=moment // 1000)).isoformat() if moment else None
