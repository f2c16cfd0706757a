"""What an export response says about spans that were not recorded. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from collector.domain.ingestion import ItemResult
from collector.domain.otlp.span import ExportedSpan, SpanKey
from collector.domain.otlp.translation import Translation
from shared.problems import Problem

_LISTED = 10
_MAX_REASON = 300


class PartialSuccess(NamedTuple):
    """How many spans were rejected, and why. With none rejected, the message is a warning; "" if there is none."""

    rejected_spans: int = 0
    message: str = ""


def partial_success(translation: Translation, results: Sequence[ItemResult]) -> PartialSuccess:
    """Return the outcome of a request from the results of its items, in their order.

    A span is rejected if its execution is, or if it has no execution and all of its feedback is rejected.
    """
    kept: set[int] = set()
    refused_calls: set[int] = set()
    refusals: dict[int, str] = {}
    for item, result in zip(translation.items, results, strict=True):
        if not isinstance(result.outcome, Problem):
            kept.add(item.span_index)
            continue
        refusals.setdefault(item.span_index, f"{item.route}: {result.outcome.detail or result.outcome.title}")
        if item.route == "executions":
            refused_calls.add(item.span_index)
    lost = {index: reason for index, reason in refusals.items() if index in refused_calls or index not in kept}
    reasons = {**translation.rejected, **lost}
    warnings = {index: reason for index, reason in refusals.items() if index not in lost}
    rejected = _message(translation.spans, reasons, "rejected")
    return PartialSuccess(len(reasons), rejected + _message(translation.spans, warnings, "recorded in part"))


def _message(spans: Sequence[ExportedSpan], reasons: dict[int, str], what: str) -> str:
    if not reasons:
        return ""
    first = list(reasons.items())[:_LISTED]
    listed = "".join(f" Span {_shown(index, spans[index].key)} {reason[:_MAX_REASON]}." for index, reason in first)
    more = f" {len(reasons) - _LISTED} more are not listed." if len(reasons) > _LISTED else ""
    return f"{len(reasons)} span{'s' if len(reasons) > 1 else ''} {what}.{listed}{more} "


def _shown(index: int, key: SpanKey) -> str:
    """Return the ids of a span; where they are not valid, its index in the request, from 0."""
    return key.execution_id if key.is_valid else f"at index {index} of the request:"
