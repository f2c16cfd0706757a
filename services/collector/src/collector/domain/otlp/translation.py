"""Spans of one export request to the executions and feedback that they contain. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from collector.domain.otlp.classification import SpanRole, role_of_span
from collector.domain.otlp.evaluation_results import Evaluation, evaluations_of, feedback_bodies, scores_of
from collector.domain.otlp.executions import CallSurroundings, execution_body, target_of
from collector.domain.otlp.retrieved_contexts import contexts_of_calls, document_size
from collector.domain.otlp.span import ExportedSpan, SpanKey
from collector.domain.otlp.tool_calls import size_of, tool_calls_of
from collector.domain.request_context import Route

INVALID_IDS = "trace_id and span_id must have 16 and 8 bytes (in JSON 32 and 16 hexadecimal digits), not all zero"
INVALID_LINK = f"is about the span of its link, whose {INVALID_IDS}"
NO_TARGET = "has no target: set the resource attribute service.name or ratchet.target"

_SOURCES: tuple[SpanRole, ...] = ("retrieval", "tool")
"""Roles of spans that tell about calls."""
_FEEDBACK_SIZE = 1_000
"""About the bytes of a feedback; its texts are also part of the span's size."""


class SpanItem(NamedTuple):
    """An execution or a feedback of the span `span_index` of the request, and about how many bytes it has."""

    span_index: int
    route: Route
    body: dict[str, Any]
    size: int


class Translation(NamedTuple):
    """What the spans of a request contain. Spans without an item are accepted and ignored.

    `rejected` has the reasons by the index of the span.
    """

    spans: Sequence[ExportedSpan]
    items: list[SpanItem]
    rejected: dict[int, str]


def translate(spans: Sequence[ExportedSpan]) -> Translation:
    """Return the executions of calls, each with its scores and contexts, and the feedback that spans contain."""
    roles = [role_of_span(span) for span in spans]
    results = [evaluations_of(span) for span in spans]
    defects = map(_defect, spans, roles, results)
    rejected = {index: defect for index, defect in enumerate(defects) if defect}
    calls = [span for index, span in enumerate(spans) if roles[index] == "call" and index not in rejected]
    by_role = {name: [span for span, role in zip(spans, roles, strict=True) if role == name] for name in _SOURCES}
    contexts = contexts_of_calls(calls, by_role["retrieval"])
    tools = tool_calls_of(calls, by_role["tool"])
    parents = calling_spans(spans, {call.key for call in calls})
    items: list[SpanItem] = []
    for index, (span, role, found) in enumerate(zip(spans, roles, results, strict=True)):
        if index in rejected:
            continue
        if role == "call":
            documents, called = contexts.get(span.key, []), tools.get(span.key, [])
            body = execution_body(span, CallSurroundings(parents.get(span.key), documents, called, scores_of(found)))
            size = span.size + sum(map(document_size, documents)) + size_of(called)
            items.append(SpanItem(index, "executions", body, size))
        feedback = feedback_bodies(span, found, role == "call")
        items += [SpanItem(index, "feedback", body, _FEEDBACK_SIZE) for body in feedback]
    return Translation(spans, items, rejected)


def _defect(span: ExportedSpan, role: SpanRole, evaluations: list[Evaluation]) -> str | None:
    """Return why a call, or a span with feedback, can't be recorded; None for others."""
    if role != "call" and not evaluations:
        return None
    if not span.key.is_valid:
        return INVALID_IDS
    if role != "call" and len(span.links) == 1 and not span.links[0].is_valid:
        return INVALID_LINK
    return NO_TARGET if role == "call" and not target_of(span) else None


def calling_spans(spans: Iterable[ExportedSpan], calls: set[SpanKey]) -> dict[SpanKey, SpanKey]:
    """Return for each call the nearest span above it that is a call, too, where all spans between them are known.

    The spans between, such as an agent's or a chain's, are no executions, so that they can't be parents of one.
    """
    parents = {span.key: span.parent for span in spans}
    above: dict[SpanKey, SpanKey | None] = {}
    for key in calls:
        path: dict[SpanKey, None] = {}
        current: SpanKey | None = key
        while current is not None and current not in above and current not in path:  # it may be a circle of parents
            path[current] = None
            current = parents.get(current)
            if current in calls:
                break
        nearest = current if current in calls else above.get(current) if current is not None else None
        above.update(dict.fromkeys(path, nearest))
    return {key: parent for key, parent in above.items() if parent is not None and parent != key and key in calls}
