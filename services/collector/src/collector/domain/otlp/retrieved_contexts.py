"""Retrieved documents, as contexts of the calls that follow their retrieval. Pure."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from collector.domain.otlp import conventions
from collector.domain.otlp.flattened import indexed, is_name, is_number, parsed
from collector.domain.otlp.span import ExportedSpan, SpanKey

MAX_CONTEXTS = 100
MAX_USES = 4
"""The documents of one retrieval become contexts of at most this many calls, so that no request multiplies its size."""
_TEXTS = ("content", "text", "page_content")
_MAX_ID = 128
Document = str | dict[str, Any]
"""A document's text, or its `id`, `text` and `score` as far as they are known."""


def contexts_of_calls(
    calls: Iterable[ExportedSpan], retrievals: Iterable[ExportedSpan]
) -> dict[SpanKey, list[Document]]:
    """Return the contexts of calls: documents of the call itself, and of retrievals of its trace that ended before it.

    The documents of a retrieval go to the first `MAX_USES` calls that start after its end.
    """
    found: dict[SpanKey, list[Document]] = {}
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


def documents_of(span: ExportedSpan) -> list[Document]:
    """Return the documents that a span names, at most `MAX_CONTEXTS`."""
    documents = [document for name in conventions.DOCUMENTS for document in indexed(span.attributes, name)]
    found = [_document(document, ("document.content",), "document.") for document in documents]
    retrieved = parsed(span.attributes.get(conventions.RETRIEVED))
    found += [_document(document, _TEXTS) for document in (retrieved if isinstance(retrieved, list) else [])]
    for event in span.events:
        if event.name in conventions.DOCUMENT_EVENTS:
            text = conventions.DOCUMENT_EVENTS[event.name]
            found.append(_document(event.attributes, (text,), f"{event.name}."))
    return [document for document in found if document][:MAX_CONTEXTS]


def _document(document: Any, texts: Sequence[str], prefix: str = "") -> Document | None:
    """Return a document, whose `id` and `score` have a prefix; None if it has neither a text nor an id."""
    if not isinstance(document, Mapping):
        return document if isinstance(document, str) else None
    text = next((document[name] for name in texts if isinstance(document.get(name), str) and document[name]), None)
    known: dict[str, Any] = {}
    given = document.get(f"{prefix}id")
    if isinstance(given, str | int) and is_name(str(given)):
        known["id"] = str(given)
    if is_number(document.get(f"{prefix}score")):
        known["score"] = document[f"{prefix}score"]
    if text is None:
        return known if "id" in known else None
    return {"text": text, **known} if known else text


def document_size(document: Document) -> int:
    """Return about the bytes of a document."""
    return len(document) if isinstance(document, str) else len(document.get("text", "")) + 100
