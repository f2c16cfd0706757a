"""State of pulls as people read it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

_ADVICE = {
    "unreachable": "The next run asks again; nothing is lost.",
    "access-denied": "Check the keys that the collector has for this pull, and restart it.",
    "invalid-answer": "Check the address, or the log groups and the query, of this pull, and restart the collector.",
    "collector-busy": "The database of Ratchet accepted nothing for 30 seconds. The next run continues.",
    "raw-copy": "Nothing is pulled until it can be: free the disk, or allow the collector to write there.",
    "internal": "This is a fault of Ratchet: please report it, with the collector's log.",
}
_KINDS = {"langfuse": "Langfuse", "cloudwatch": "CloudWatch Logs"}
_FLAGS = {"low_reward": "low rewards", "negative_feedback": "negative feedback"}
_RUNS = 3
"""Runs that may fail to come before a pull is late."""
_LAG_S = 600.0
"""Nothing younger is read."""


@dataclass(frozen=True, slots=True)
class FlaggedItems:
    """How many items have a flag, what it means, and the addresses of the executions with it."""

    count: int
    meaning: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PullRow:
    """A pull as a row."""

    pull: Mapping[str, Any]
    kind: str
    state: str
    is_bad: bool
    advice: str | None
    flagged: tuple[FlaggedItems, ...]


def pull_row(pull: Mapping[str, Any]) -> PullRow:
    """Return what people read about a pull of `GET /v1/pulls`."""
    error, lag = pull["error"], pull["lag_s"]
    late = lag is not None and lag > _LAG_S + _RUNS * pull["interval_s"]
    state = "failing" if error else "late" if late else "up to date" if pull["succeeded_at"] else "first run"
    flagged = (_flagged(pull, flag, meaning) for flag, meaning in _FLAGS.items() if pull[flag])
    return PullRow(
        pull,
        _KINDS.get(pull["kind"], pull["kind"]),
        state,
        bool(error) or late,
        _ADVICE.get(error["code"]) if error else None,
        tuple(flagged),
    )


def _flagged(pull: Mapping[str, Any], flag: str, meaning: str) -> FlaggedItems:
    target = {"target": pull["target"]} if pull["target"] else {}
    searches = [search for search in pull["searches"] if search["flag"] == flag]
    addresses = (urlencode({**target, "metric": it["metric"], "max": it["max"]}) for it in searches)
    return FlaggedItems(pull[flag], meaning, tuple(f"/executions?{address}" for address in addresses))
