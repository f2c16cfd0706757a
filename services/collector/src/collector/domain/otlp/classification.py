"""Which spans are calls of a model, and which are retrievals of documents. Pure."""

from typing import Any, Literal

from collector.domain.otlp import conventions
from collector.domain.otlp.span import ExportedSpan

SpanRole = Literal["call", "retrieval", "tool", "other"]

_CALLS = frozenset({"chat", "text_completion", "generate_content"})
"""Values of `gen_ai.operation.name`."""
_OTHER_OPERATIONS = frozenset({
    "create_agent", "create_memory", "create_memory_store", "delete_memory", "delete_memory_store", "embeddings",
    "execute_task", "invoke_agent", "invoke_workflow", "plan", "search_memory", "update_memory",
    "upsert_memory", "vector_db_retrieve",
})  # fmt: skip
_OPENINFERENCE: dict[str, SpanRole] = {"LLM": "call", "RETRIEVER": "retrieval", "RERANKER": "retrieval", "TOOL": "tool"}
_VERCEL_TOOL = "ai.toolCall.name"
_MODELS = ("gen_ai.request.model", "gen_ai.response.model")


def role_of_span(span: ExportedSpan) -> SpanRole:
    """Return the role of a span. Agents, chains, embeddings and everything else are `other`."""
    attributes = span.attributes
    kind = attributes.get("openinference.span.kind")
    if isinstance(kind, str):
        return _OPENINFERENCE.get(kind.upper(), "other")
    operation = _word(attributes.get("gen_ai.operation.name"))
    if operation in _CALLS:
        return "call"
    if operation == "retrieval" or any(event.name in conventions.DOCUMENT_EVENTS for event in span.events):
        return "retrieval"
    if operation == "execute_tool" or attributes.get("traceloop.span.kind") == "tool" or _VERCEL_TOOL in attributes:
        return "tool"
    request = _word(attributes.get("llm.request.type"))
    if request:
        return "call" if request in ("chat", "completion") else "other"
    if operation in _OTHER_OPERATIONS or "traceloop.span.kind" in attributes:
        return "other"
    return "call" if any(isinstance(attributes.get(name), str) for name in _MODELS) else "other"


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
