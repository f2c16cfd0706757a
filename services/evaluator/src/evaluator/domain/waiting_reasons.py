"""What an unfinished evaluation waits for, as a state and in words."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

ShownState = Literal[
    "waiting for a dataset", "waiting to start", "queued", "waiting for a worker", "waiting for the budget",
    "waiting for judges", "running", "completed", "cancelled",
]  # fmt: skip
_START = timedelta(seconds=60)
"""An evaluation that could begin starts within seconds, unless its start fails."""


def waiting_reason(view: Mapping[str, Any], now: datetime) -> str | None:
    """Return why an evaluation does not go on; None if it runs or has ended.

    `view`: its `shown_state`, `target`, `dataset`, `name`, `requested_at`, `published_at`, `served_before` and
    `judge_deadline`.
    """
    state: ShownState = view["shown_state"]
    if state == "waiting for a dataset":
        of = "" if view["dataset"] is None else f" named {view['dataset']}"
        return f"no golden set{of} of the target {view['target']} is published"
    if state == "waiting to start":
        return _start_reason(max(view["requested_at"], view["published_at"]), now)
    if state == "queued":
        before = view["served_before"]
        what = "an evaluation that was" if before == 1 else f"{before} evaluations that were"
        return f"workers answer {what} requested before it"
    if state == "waiting for a worker":
        return f"no evaluation worker has asked for cases of the prompt {view['name']} in the last minute"
    if state == "waiting for the budget":
        return "the budget of the direct endpoint is used up until tomorrow (UTC)"
    return _judge_reason(view["judge_deadline"]) if state == "waiting for judges" else None


def _start_reason(since: datetime, now: datetime) -> str:
    if now - since < _START:
        return "its golden set is published; it starts within seconds"
    return "its golden set is published, but it has not started for a minute: the evaluator's log says why"


def _judge_reason(deadline: datetime | None) -> str:
    until = "" if deadline is None else f" until {deadline:%Y-%m-%d %H:%M} UTC; then the other evaluators decide alone"
    return f"its answers wait for judges{until}"
