"""Builds responses about executions from entries of the log. Pure."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from collector.api.execution_models import (
    ExecutionDetail,
    ExecutionPage,
    ExecutionSummary,
    FeedbackView,
    RetrievedContext,
    ToolCall,
    TraceNode,
)
from collector.domain.log_entries import currency_of, tool_names
from collector.domain.trace_tree import TreeNode
from collector.storage.log_page import LogEntry, LogPage
from shared.events.feedback import ContextDetail, ToolDetail

EXCERPT = 200
"""Characters of a text in a list."""

Feedback = Sequence[Row[Any]]


def to_summary(entry: LogEntry, feedback: Feedback) -> ExecutionSummary:
    """Return an execution for a list."""
    facts = entry.event.facts
    return ExecutionSummary(
        **_fields(entry, feedback), input_excerpt=_excerpt(facts.input), output_excerpt=_excerpt(facts.output),
        tool_names=tool_names(entry.event),
    )  # fmt: skip


def to_detail(entry: LogEntry, feedback: Feedback) -> ExecutionDetail:
    """Return an execution with everything that is stored of it."""
    event, facts = entry.event, entry.event.facts
    return ExecutionDetail(
        **_fields(entry, feedback), input=facts.input, output=facts.output,
        contexts=[_context(*each) for each in zip_longest(event.contexts, event.context_details)],
        tools=[_tool_call(*each) for each in zip_longest(event.tools, event.tool_details)],
        parameters=event.parameters, attributes=facts.attributes, consent=facts.consent,
        clock_skew_s=facts.clock_skew_s, revision=event.revision,
    )  # fmt: skip


def _context(text: str, detail: ContextDetail | None) -> RetrievedContext:
    known = detail or ContextDetail()
    return RetrievedContext(id=known.id, text=text or (None if known.id else text), score=known.score)


def _tool_call(name: str, detail: ToolDetail | None) -> ToolCall:
    return ToolCall(name=name, **(detail or ToolDetail()).model_dump())


def to_page(
    page: LogPage, feedback: Mapping[UUID, Feedback], following: str | None, about: list[FeedbackView] | None = None
) -> ExecutionPage:
    """Return a page of the list; `following` is the cursor of the next one, `about` the feedback about a session."""
    items = [to_summary(entry, feedback.get(entry.reference, ())) for entry in page.entries]
    return ExecutionPage(items=items, next=following, searched=page.searched, feedback=about)


def to_node(entry: LogEntry, feedback: Feedback, tree_node: TreeNode, offset_ms: float | None) -> TraceNode:
    """Return an execution of a trace."""
    return TraceNode(**dict(to_summary(entry, feedback)), depth=tree_node.depth, offset_ms=offset_ms)


def _fields(entry: LogEntry, feedback: Feedback) -> dict[str, Any]:
    event, facts = entry.event, entry.event.facts
    return {
        "id": facts.execution_id, "target": event.target, "trace_id": facts.trace_id, "parent_id": facts.parent_id,
        "occurred_at": facts.occurred_at, "received_at": event.received_at, "prompts": facts.prompts,
        "model": facts.model, "arm": facts.arm, "user": facts.user, "session": facts.session,
        "outcome": facts.outcome, "region": facts.region, "confidentiality": facts.confidentiality,
        "usage": event.usage.model_copy(update={"total_tokens": event.usage.total}),
        "cost": event.cost, "currency": currency_of(event), "latency_ms": event.latency_ms,
        "time_to_first_token_ms": event.time_to_first_token_ms, "scores": event.scores,
        "feedback": to_feedback(feedback),
    }  # fmt: skip


def to_feedback(rows: Feedback) -> list[FeedbackView]:
    """Return feedback as the API shows it."""
    return [_feedback(row) for row in rows]


def _feedback(row: Row[Any]) -> FeedbackView:
    return FeedbackView(
        id=row.feedback_id, kind=row.kind, source=row.source, key_scope=row.key_scope, name=row.name,
        metric=row.metric, value=row.value, label=row.label, text=row.text,
        about=row.about, mixed=row.mixed, preference=row.preference, user=row.user_hash,
        replaced=row.replaced, occurred_at=row.occurred_at, received_at=row.received_at,
    )  # fmt: skip


def _excerpt(text: str | None) -> str | None:
    return None if text is None else text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"
