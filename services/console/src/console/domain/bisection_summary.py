"""What a bisection found, in words (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_STATES = {
    "waiting": "It has not started yet.",
    "running": "Groups of changes are compared on the golden set.",
    "cancelled": "It was cancelled before it had a result.",
}


@dataclass(frozen=True, slots=True)
class BisectedChange:
    """A change that made answers worse: where, its text before and after (None: nothing), and its effect."""

    path: str
    before: str | None
    after: str | None
    effect: str


@dataclass(frozen=True, slots=True)
class BisectionReport:
    """`line` says how far it is, or what came out."""

    line: str
    changes: tuple[BisectedChange, ...]


def summarize_bisection(found: Mapping[str, Any]) -> BisectionReport:
    """Return the summary of a bisection as the evaluator shows it."""
    result = found["result"]
    if result is None:
        return BisectionReport(_STATES.get(found["state"], f"State: {found['state']}."), ())
    reason = str(result["reason"])
    asked = f" The app answered {result['answers']} times." if result["answers"] else ""
    changes = tuple(
        BisectedChange(each["path"], each["before"], each["after"], _effect(each["effect"]))
        for each in result["causal"]
    )
    return BisectionReport(f"{reason[:1].upper()}{reason[1:]}.{asked}", changes)


def _effect(effect: Mapping[str, Any]) -> str:
    difference, low, high = (f"{100 * effect[key]:+.1f}" for key in ("difference", "low", "high"))
    return f"{difference} pp (95 % interval {low} to {high} pp, {effect['cases']} independent cases)"
