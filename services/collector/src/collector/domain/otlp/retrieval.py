"""Retrieved documents, as contexts of the calls that follow their retrieval. Pure."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from collector.domain.otlp import conventions
from collector.domain.otlp.flattened import indexed, parsed
from collector.domain.otlp.span import ExportedSpan, SpanKey

MAX_CONTEXTS = 100
MAX_USES = 4
"""The documents of one retrieval become contexts of at most this many calls, so that no request multiplies its size."""
_TEXTS = ("content", "text", "page_content")


def contexts_of_calls(calls: Iterable[ExportedSpan], retrievals: Iterable[ExportedSpan]) -> dict[SpanKey, list[str]]:
    """Return the contexts of calls: documents of the call itself, and of retrievals of its trace that ended before it.

    The documents of a retrieval go to the first `MAX_USES` calls that start after its end.
    """
    found: dict[SpanKey, list[str]] = {}
    by_trace: dict[str, list[ExportedSpan]] = defaultdict(list)
    for call in calls:
        by_trace[call.key.trace_id].append(call)
        if documents := documents_of(call):
            found[call.key] = documents
    for trace in by_trace.values():
        trace.sort(key=lambda span: span.start)
    for retrieval in retrievals:
        trace = by_trace.get(retrieval.key.trace_id, [])
        following = bisect_left(trace, retrieval.end, key=lambda span: span.start)
        documents = documents_of(retrieval) if following < len(trace) else []
        for call in trace[following : following + MAX_USES]:
            found[call.key] = (found.get(call.key, []) + documents)[:MAX_CONTEXTS]
    return found


def documents_of(span: ExportedSpan) -> list[str]:
    """Return the texts of the documents that a span names, at most `MAX_CONTEXTS`."""
    documents = [document for name in conventions.DOCUMENTS for document in indexed(span.attributes, name)]
    found = [document.get("document.content") for document in documents]
    retrieved = parsed(span.attributes.get(conventions.RETRIEVED))
    found += [_text(document) for document in (retrieved if isinstance(retrieved, list) else [])]
    for event in span.events:
        if event.name in conventions.DOCUMENT_EVENTS:
            found.append(event.attributes.get(conventions.DOCUMENT_EVENTS[event.name]))
    return [text for text in found if isinstance(text, str) and text][:MAX_CONTEXTS]


def _text(document: Any) -> Any:
    if not isinstance(document, Mapping):
        return document
    return next((document[name] for name in _TEXTS if isinstance(document.get(name), str)), None)
