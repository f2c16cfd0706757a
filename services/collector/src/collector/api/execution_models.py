"""Responses about executions, their feedback, and traces."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row

from collector.domain.trace_tree import TreeNode
from collector.storage.log_reader import LogEntry, LogPage
from shared.events.feedback import Consent, FeedbackKind, FeedbackSource, KeyScope, Outcome, PromptUse, Usage
from shared.web.pagination import encode_cursor

EXCERPT = 200
"""Characters of a text in a list."""


class FeedbackView(BaseModel):
    """A feedback about an execution or its trace. `replaced`: a later one of the same user and kind counts instead."""

    id: UUID
    kind: FeedbackKind
    source: FeedbackSource
    key_scope: KeyScope | None
    name: str | None
    metric: str | None = Field(description="The metric that it is a value of; null for comments and corrections")
    value: float | None
    label: str | None
    text: str | None
    user: str | None
    replaced: bool
    occurred_at: datetime
    received_at: datetime


_SUMMARY: dict[str, Any] = {
    "id": "e-17", "target": "support-bot", "trace_id": "t-4", "parent_id": None, "occurred_at": "2026-11-21T11:59:00Z",
    "received_at": "2026-11-21T12:00:00Z", "prompts": [{"name": "answer", "digest": f"sha256:{'0' * 64}",
    "version": "7"}], "model": "model-a", "arm": None, "user": f"k1:{'0' * 32}", "session": "s-9", "outcome": "ok",
    "usage": {"input_tokens": 812, "output_tokens": 64}, "cost": 0.0021, "latency_ms": 840.0,
    "scores": {"faithfulness": 0.9}, "feedback": [],
}  # fmt: skip


class _ExecutionFields(BaseModel):
    """Fields of an execution. `cost` is in US dollars; `user` is a keyed hash; texts are scrubbed."""

    id: str
    target: str
    trace_id: str | None
    parent_id: str | None
    occurred_at: datetime
    received_at: datetime
    prompts: tuple[PromptUse, ...]
    model: str | None
    arm: str | None
    user: str | None
    session: str | None
    outcome: Outcome | None
    usage: Usage
    cost: float | None
    latency_ms: float | None
    scores: dict[str, float]
    feedback: list[FeedbackView] = Field(description="Oldest first")


class ExecutionSummary(_ExecutionFields):
    """An execution in a list, with the first 200 characters of its texts."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_SUMMARY, "input_excerpt": "My parcel", "output_excerpt": "It is"}]}
    )

    input_excerpt: str | None
    output_excerpt: str | None


class ExecutionDetail(_ExecutionFields):
    """An execution with everything that is stored of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {**_SUMMARY, "input": "My parcel is late", "output": "It is due today", "contexts": ["Parcels …"],
                 "tools": ["track_parcel"], "parameters": {"temperature": "0.2"}, "attributes": {"route": "chat"},
                 "consent": {"quality": True, "learning": None}, "clock_skew_s": None, "revision": 1}
            ]
        }
    )  # fmt: skip

    input: str | None
    output: str | None
    contexts: tuple[str, ...]
    tools: tuple[str, ...]
    parameters: dict[str, str]
    attributes: dict[str, str]
    consent: Consent
    clock_skew_s: int | None
    revision: int = Field(description="1, and one more for each completion")


class ExecutionPage(BaseModel):
    """Executions, newest first."""

    items: list[ExecutionSummary]
    next: str | None = Field(description="The cursor of the next page, which may be empty; null at the end")
    searched: int | None = Field(
        default=None,
        description="With `q`: the number of executions whose texts were searched for this page, at most 5,000; "
        "null without `q`",
    )


class TraceNode(ExecutionSummary):
    """An execution of a trace, with its level and its start."""

    depth: int = Field(description="0 for a root; a parent precedes its children")
    offset_ms: float | None = Field(
        description="Milliseconds from `started_at` of the trace to the start of this call, which is `occurred_at` "
        "minus `latency_ms`; null where the latency is unknown"
    )


class Trace(BaseModel):
    """The executions of a trace in the order of a depth-first walk. Sums leave out what is unknown.

    Siblings are in the order of their starts; where the latency is unknown, `occurred_at` counts as the start.
    """

    trace_id: str
    started_at: datetime | None = Field(description="The earliest start of a call; null if no latency is known")
    items: list[TraceNode]
    truncated: bool = Field(description="Whether the trace has more executions than are listed")
    cost: float | None
    input_tokens: int | None
    output_tokens: int | None


Feedback = Sequence[Row[Any]]


def to_summary(entry: LogEntry, feedback: Feedback) -> ExecutionSummary:
    """Return an execution for a list."""
    facts = entry.event.facts
    return ExecutionSummary(
        **_fields(entry, feedback), input_excerpt=_excerpt(facts.input), output_excerpt=_excerpt(facts.output)
    )


def to_detail(entry: LogEntry, feedback: Feedback) -> ExecutionDetail:
    """Return an execution with everything that is stored of it."""
    event, facts = entry.event, entry.event.facts
    return ExecutionDetail(
        **_fields(entry, feedback), input=facts.input, output=facts.output, contexts=event.contexts, tools=event.tools,
        parameters=event.parameters, attributes=facts.attributes, consent=facts.consent,
        clock_skew_s=facts.clock_skew_s, revision=event.revision,
    )  # fmt: skip


def to_page(page: LogPage, feedback: Mapping[UUID, Feedback], filters: object) -> ExecutionPage:
    """Return a page of the list with these filters."""
    items = [to_summary(entry, feedback.get(entry.reference, ())) for entry in page.entries]
    following = None if page.following is None else encode_cursor(*page.following, filters=filters)
    return ExecutionPage(items=items, next=following, searched=page.searched)


def to_node(entry: LogEntry, feedback: Feedback, tree_node: TreeNode, offset_ms: float | None) -> TraceNode:
    """Return an execution of a trace."""
    return TraceNode(**dict(to_summary(entry, feedback)), depth=tree_node.depth, offset_ms=offset_ms)


def _fields(entry: LogEntry, feedback: Feedback) -> dict[str, Any]:
    event, facts = entry.event, entry.event.facts
    return {
        "id": facts.execution_id, "target": event.target, "trace_id": facts.trace_id, "parent_id": facts.parent_id,
        "occurred_at": facts.occurred_at, "received_at": event.received_at, "prompts": facts.prompts,
        "model": facts.model, "arm": facts.arm, "user": facts.user, "session": facts.session,
        "outcome": facts.outcome, "usage": event.usage, "cost": event.cost, "latency_ms": event.latency_ms,
        "scores": event.scores, "feedback": [_feedback(row) for row in feedback],
    }  # fmt: skip


def _feedback(row: Row[Any]) -> FeedbackView:
    return FeedbackView(
        id=row.feedback_id, kind=row.kind, source=row.source, key_scope=row.key_scope, name=row.name,
        metric=row.metric, value=row.value, label=row.label, text=row.text, user=row.user_hash,
        replaced=row.replaced, occurred_at=row.occurred_at, received_at=row.received_at,
    )  # fmt: skip


def _excerpt(text: str | None) -> str | None:
    return None if text is None else text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"
