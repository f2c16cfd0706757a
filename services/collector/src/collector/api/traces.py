"""`GET /v1/traces/{id}`: the executions of a trace as a tree, for keys with the scope `read`."""

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Path

from collector.api.execution_filters import Reader
from collector.api.execution_models import Trace, TraceNode, to_node
from collector.domain.execution_filter import ExecutionFilter
from collector.domain.schemas import Id
from collector.domain.trace_tree import order_tree
from collector.storage.log_reader import ExecutionLogReader, LogEntry
from shared.problems import Problem

MAX_NODES = 1_000


def traces_router(log: ExecutionLogReader) -> APIRouter:
    """Return the routes; they read the caller's project and environment."""
    router = APIRouter(prefix="/v1/traces", tags=["executions"])

    @router.get("/{trace_id:path}")
    async def get_trace(principal: Reader, trace_id: Annotated[Id, Path()]) -> Trace:
        """Return the newest 1,000 executions of a trace, parents before their children. Problem 404 if none is logged.

        `occurred_at` is what the app sent: with the SDK, the time at which the call was recorded, which is its end.
        """
        wanted = ExecutionFilter(principal.project, principal.environment, trace_id=trace_id)
        entries = await _list_entries(log, wanted)
        if not entries:
            raise Problem(404, "trace-unknown", "No execution of this trace is in the log")
        shown = entries[:MAX_NODES][::-1]
        feedback = await log.list_feedback(entry.reference for entry in shown)
        facts = [entry.event.facts for entry in shown]
        nodes = [
            to_node(shown[it.position], feedback.get(shown[it.position].reference, ()), it, facts[0].occurred_at)
            for it in order_tree([(each.execution_id, each.parent_id) for each in facts])
        ]
        return _to_trace(trace_id, nodes, len(entries) > MAX_NODES)

    return router


async def _list_entries(log: ExecutionLogReader, wanted: ExecutionFilter) -> list[LogEntry]:
    entries: list[LogEntry] = []
    async for chunk in log.iterate(wanted, None):
        entries.extend(chunk)
        if len(entries) > MAX_NODES:
            break
    return entries


def _to_trace(trace_id: str, nodes: Sequence[TraceNode], truncated: bool) -> Trace:
    return Trace(
        trace_id=trace_id,
        items=list(nodes),
        truncated=truncated,
        cost=_total(nodes, lambda node: node.cost),
        input_tokens=_total(nodes, lambda node: node.usage.input_tokens),
        output_tokens=_total(nodes, lambda node: node.usage.output_tokens),
    )


def _total(nodes: Sequence[TraceNode], value: Callable[[TraceNode], float | None]) -> float | None:
    known = [found for node in nodes if (found := value(node)) is not None]
    return sum(known) if known else None
