"""`GET /v1/traces/{id}`: the executions of a trace as a tree, for keys with the scope `read`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from collector.api.execution_filters import Reader
from collector.api.execution_models import FeedbackView, Trace, TraceNode
from collector.api.execution_responses import Feedback, to_feedback, to_node
from collector.domain.execution_filter import ExecutionFilter
from collector.domain.log_entries import subject_reference
from collector.domain.schemas import Id
from collector.domain.trace_times import CallTime, call_starts, earliest_start
from collector.domain.trace_tree import order_tree
from collector.storage.log_page import LogEntry
from collector.storage.log_reader import ExecutionLogReader
from shared.problems import Problem
from shared.web.problem_docs import problems

MAX_NODES = 1_000


def traces_router(log: ExecutionLogReader) -> APIRouter:
    """Return the routes; they read the caller's project and environment."""
    router = APIRouter(prefix="/v1/traces", tags=["executions"])

    @router.get("/{trace_id:path}", responses=problems({404: ["trace-unknown"]}))
    async def get_trace(principal: Reader, trace_id: Annotated[Id, Path()]) -> Trace:
        """Return the newest 1,000 executions of a trace, parents before their children. Problem 404 if none is logged.

        `occurred_at` is the end of a call, in the SDKs and in OpenTelemetry; starts are computed from the latency.
        """
        wanted = ExecutionFilter(principal.project, principal.environment, trace_id=trace_id)
        entries = await log.list_trace(wanted, MAX_NODES + 1)
        if not entries:
            raise Problem(404, "trace-unknown", "No execution of this trace is in the log")
        shown = entries[:MAX_NODES][::-1]
        feedback = await log.list_feedback(principal.project, shown)
        nodes = _to_nodes(shown, feedback)
        subject = subject_reference(principal.project, principal.environment, "trace", trace_id)
        about = to_feedback(await log.list_subject_feedback(principal.project, subject, shown))
        return _to_trace(trace_id, nodes, earliest_start(_times(shown)), len(entries) > MAX_NODES, about)

    return router


def _times(entries: Sequence[LogEntry]) -> list[CallTime]:
    return [CallTime(entry.event.facts.occurred_at, entry.event.latency_ms) for entry in entries]


def _to_nodes(entries: Sequence[LogEntry], feedback: Mapping[UUID, Feedback]) -> list[TraceNode]:
    """Return the tree of executions that are sorted by the ends of their calls."""
    timed = sorted(zip(entries, call_starts(_times(entries)), strict=True), key=lambda each: each[1].order)
    facts = [entry.event.facts for entry, _ in timed]
    nodes = []
    for it in order_tree([(each.execution_id, each.parent_id) for each in facts]):
        entry, start = timed[it.position]
        nodes.append(to_node(entry, feedback.get(entry.reference, ()), it, start.offset_ms))
    return nodes


def _to_trace(
    trace_id: str,
    nodes: Sequence[TraceNode],
    started_at: datetime | None,
    truncated: bool,
    feedback: list[FeedbackView],
) -> Trace:
    currencies = {node.currency for node in nodes if node.currency is not None}
    return Trace(
        trace_id=trace_id,
        started_at=started_at,
        items=list(nodes),
        truncated=truncated,
        feedback=feedback,
        cost=_total(nodes, lambda node: node.cost) if len(currencies) == 1 else None,
        currency=currencies.pop() if len(currencies) == 1 else None,
        input_tokens=_total(nodes, lambda node: node.usage.input_tokens),
        output_tokens=_total(nodes, lambda node: node.usage.output_tokens),
        total_tokens=_total(nodes, lambda node: node.usage.total_tokens),
    )


def _total(nodes: Sequence[TraceNode], value: Callable[[TraceNode], float | None]) -> float | None:
    known = [found for node in nodes if (found := value(node)) is not None]
    return sum(known) if known else None
