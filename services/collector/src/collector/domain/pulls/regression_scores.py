"""Converts a regression to scores of the affected traces, to be written to Langfuse. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from collector.domain.pulls.langfuse_scores import OWN_SCORES
from collector.domain.pulls.langfuse_traces import SOURCE
from shared.events.quality import RegressionDetected

REGRESSION = f"{OWN_SCORES}regression"
_MAX_COMMENT = 500


@dataclass(frozen=True, slots=True)
class PullScore:
    """A score to be written. `id` is the same for each repeat, so that a repeat replaces it."""

    id: str
    body: dict[str, Any]


def regression_scores(event: RegressionDetected) -> Iterator[PullScore]:
    """Return a score `ratchet.regression` for each affected trace that was pulled."""
    for execution in event.affected_executions:
        source, _, trace = execution.partition("-")
        if source != SOURCE or not trace:
            continue
        score_id = f"ratchet-{event.regression_id}-{trace}"
        body = {
            "id": score_id,
            "traceId": trace,
            "name": REGRESSION,
            "dataType": "BOOLEAN",
            "value": 1,
            "comment": _comment(event)[:_MAX_COMMENT],
            "metadata": {"regression_id": str(event.regression_id), "metric": event.metric, "target": event.target},
        }
        yield PullScore(score_id, body)


def _comment(event: RegressionDetected) -> str:
    change = f"{event.delta_pp:+.1f} {event.change_unit or 'pp'}"
    cause = event.causes[0] if event.causes else None
    if cause is None or cause.kind == "unknown":
        return f"{event.metric} of {event.target} got worse: {change}"
    named = cause.kind.replace("_", " ") + (f" {cause.name}" if cause.name else "")
    return f"{event.metric} of {event.target} got worse: {change}; likely cause: {named}"
