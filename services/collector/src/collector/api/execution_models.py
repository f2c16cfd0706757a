"""Responses about executions, their feedback, and traces."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events.feedback import (
    Confidentiality,
    Consent,
    FeedbackKind,
    FeedbackSource,
    FeedbackSubject,
    KeyScope,
    Outcome,
    Preference,
    PromptUse,
    Usage,
)


class FeedbackView(BaseModel):
    """A feedback about an execution or its trace. `replaced`: a later one of the same user and kind counts instead.

    `implicit` feedback is what a user did, or what an evaluator found; it is never counted as a rating.
    """

    id: UUID
    kind: FeedbackKind
    source: FeedbackSource
    key_scope: KeyScope | None
    name: str | None
    metric: str | None = Field(description="The metric that it is a value of; null for comments and corrections")
    value: float | None
    label: str | None
    text: str | None
    about: FeedbackSubject = Field(description="Feedback about a trace or a session is listed at its first execution")
    mixed: bool = Field(description="About a trace or session that several prompt versions answered: counted for none")
    preference: Preference | None = Field(description="Of the kind preference: the outputs that were compared")
    user: str | None
    replaced: bool
    occurred_at: datetime
    received_at: datetime


_SUMMARY: dict[str, Any] = {
    "id": "e-17", "target": "support-bot", "trace_id": "t-4", "parent_id": None, "occurred_at": "2026-11-21T11:59:00Z",
    "received_at": "2026-11-21T12:00:00Z", "prompts": [{"name": "answer", "digest": f"sha256:{'0' * 64}",
    "version": "7"}], "model": "model-a", "arm": None, "user": f"k1:{'0' * 32}", "session": "s-9", "outcome": "ok",
    "region": "eu", "confidentiality": "internal",
    "usage": {"input_tokens": 812, "output_tokens": 64, "cached_input_tokens": 512, "cache_write_tokens": None,
    "reasoning_tokens": None, "total_tokens": 876}, "cost": 0.0021, "currency": "USD", "latency_ms": 840.0,
    "time_to_first_token_ms": 120.0, "scores": {"faithfulness": 0.9}, "feedback": [],
}  # fmt: skip


class _ExecutionFields(BaseModel):
    """Fields of an execution. `user` is a keyed hash; texts are scrubbed."""

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
    region: str | None = Field(description="The one whose rules the texts are under, as the app declared it")
    confidentiality: Confidentiality | None
    usage: Usage = Field(
        description="Tokens by kind; the total is the one that was sent, else the sum of input and output"
    )
    cost: float | None
    currency: str | None = Field(description="ISO 4217; null without a cost")
    latency_ms: float | None
    time_to_first_token_ms: float | None
    scores: dict[str, float]
    feedback: list[FeedbackView] = Field(description="Oldest first")


class ExecutionSummary(_ExecutionFields):
    """An execution in a list, with the first 200 characters of its texts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {**_SUMMARY, "input_excerpt": "My parcel", "output_excerpt": "It is", "tool_names": ["track_parcel"]}
            ]
        }
    )

    input_excerpt: str | None
    output_excerpt: str | None
    tool_names: list[str] = Field(description="Tools that were called, without repetition")


class RetrievedContext(BaseModel):
    """A retrieved document. Its text is null if the app sent only the id."""

    id: str | None
    text: str | None
    score: float | None


class ToolCall(BaseModel):
    """A call of a tool. `arguments` and `result` are JSON or text."""

    name: str
    arguments: str | None
    result: str | None
    outcome: Outcome | None
    latency_ms: float | None


class ExecutionDetail(_ExecutionFields):
    """An execution with everything that is stored of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {**_SUMMARY, "input": "My parcel is late", "output": "It is due today",
                 "contexts": [{"id": "faq-3", "text": "Parcels …", "score": 0.83}],
                 "tools": [{"name": "track_parcel", "arguments": '{"id":17}', "result": "due today", "outcome": "ok",
                            "latency_ms": 35.0}], "parameters": {"temperature": "0.2"}, "attributes": {"route": "chat"},
                 "consent": {"quality": True, "learning": None}, "clock_skew_s": None, "revision": 1}
            ]
        }
    )  # fmt: skip

    input: str | None
    output: str | None
    contexts: list[RetrievedContext]
    tools: list[ToolCall]
    parameters: dict[str, str]
    attributes: dict[str, str]
    consent: Consent
    clock_skew_s: int | None
    revision: int = Field(description="1, and one more for each completion")


class ExecutionPage(BaseModel):
    """Executions, newest first."""

    items: list[ExecutionSummary]
    feedback: list[FeedbackView] | None = Field(
        default=None, description="With `session`: the feedback about the session as a whole, oldest first; else null"
    )
    next: str | None = Field(description="The cursor of the next page, which may be empty; null at the end")
    searched: int | None = Field(
        default=None,
        description="With `q`: the number of executions whose texts were searched for this page, at most 5,000, or as "
        "many as 3 s allow; null without `q`",
    )


class StoredExecution(BaseModel):
    """An execution as it was accepted, with its whole texts, but without usage, scores and feedback."""

    id: str
    target: str
    received_at: datetime
    trace_id: str | None
    parent_id: str | None
    prompts: tuple[PromptUse, ...]
    model: str | None
    arm: str | None
    user: str | None
    session: str | None
    input: str | None
    output: str | None
    outcome: Outcome | None
    attributes: dict[str, str]
    consent: Consent
    region: str | None
    confidentiality: Confidentiality | None
    occurred_at: datetime
    clock_skew_s: int | None


class StoredExecutionList(BaseModel):
    """The executions that were asked for by `id`, in that order."""

    items: list[StoredExecution]


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
    cost: float | None = Field(description="Null, too, where costs are in several currencies")
    currency: str | None
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    feedback: list[FeedbackView] = Field(description="About the trace as a whole, oldest first")
