"""What a proposal's evaluation showed, in words, and whether it allows an approval (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

_KINDS = {"pass": "good", "fail": "bad", "inconclusive": "warn"}
_STATES = {
    "waiting for a dataset": "It starts when one is published.",
    "waiting for a worker": "It waits for an evaluation worker of the app, such as ratchet worker.",
    "completed": "It is completed; its verdict is on the way.",
    "cancelled": "It was cancelled.",
}
_RUNNING = (
    "running", "waiting to start", "queued", "waiting for a worker", "waiting for the budget", "waiting for judges"
)  # fmt: skip
_FRESH = timedelta(hours=24)
"""The gatekeeper refuses an approval on an older evaluation where one is required."""
_FIRST_LEVEL = 0.95
"""Level of the interval of a first attempt, and of an evaluation that does not name its level."""
_RULES = {
    "required": "An approval needs an evaluation that passed within the last 24 hours.",
    "advisory": "It advises only: an approval does not need it.",
    "none": "Proposals like this are not evaluated.",
}


@dataclass(frozen=True, slots=True)
class EvaluationSummary:
    """`verdict` (with the `kind` of its badge) is None while there is none; `lines` say what is known.

    `allows`: whether the proposal may be approved as far as its evaluation is concerned. `awaited`: a verdict
    is to come, so the page is read again every few seconds.
    """

    verdict: str | None
    kind: str
    lines: tuple[str, ...]
    rule: str
    allows: bool
    awaited: bool
    report_digest: str | None


def summarize_evaluation(
    proposal: Mapping[str, Any], run: Mapping[str, Any] | None, now: datetime
) -> EvaluationSummary:
    """Return the summary of a proposal's evaluation. `run`: the latest one as the evaluator knows it, or None."""
    rule, found = proposal["evaluation_rule"], proposal["evaluation"]
    running = run is not None and run["state"] in _RUNNING
    awaited = running or (found is None and (run is None or run["state"] == "completed"))
    stale = found is not None and now - datetime.fromisoformat(found["completed_at"]) > _FRESH
    lines = () if found is None else _result(found)
    if run is not None and (running or found is None):
        lines = (*lines, _progress(run))
    elif found is None:
        lines = ("It has not started yet.",)
    elif stale and proposal["state"] == "open":
        lines = (*lines, _refresh(proposal))
    return EvaluationSummary(
        verdict=None if found is None else found["verdict"],
        kind="" if found is None else _KINDS[found["verdict"]],
        lines=lines,
        rule=_RULES[rule],
        allows=rule != "required" or (found is not None and found["verdict"] == "pass" and not stale),
        awaited=awaited,
        report_digest=None if found is None else found["report_digest"],
    )


def _result(found: Mapping[str, Any]) -> tuple[str, ...]:
    cases = found["cases"]
    counted = f"{cases} independent case{'' if cases == 1 else 's'} of the golden set {found['dataset']}"
    if found["excluded"]:
        counted += f"; {found['excluded']} left out, because the proposal was made from them"
    reason = str(found["reason"])
    lines = (_difference(found), f"{reason[:1].upper()}{reason[1:]}.", f"{counted}.", *_attempts(found))
    earlier = found["earlier_verdicts"]
    if not earlier:
        return lines
    return (*lines, f"Earlier verdicts of this proposal: {', '.join(earlier)}.")


def estimate_words(estimate: Mapping[str, Any] | None) -> str:
    """Return what an evaluation may use, before it is requested; empty if that is unknown."""
    if estimate is None:
        return ""
    found = f"At most {estimate['answers']:,} answers of the app on {estimate['dataset']}"
    if not estimate["calls"]:
        return f"{found}; no judge is asked."
    cost = "cost unknown" if estimate["usd"] is None else f"about ${estimate['usd']:.2f}"
    return (
        f"{found}, and {estimate['calls']:,} calls of {', '.join(estimate['judges'])}: about {estimate['tokens']:,}"
        f" tokens, {cost}{_duration(estimate['minutes'])}."
    )


def _duration(minutes: float | None) -> str:
    """Return how long the calls take; empty if that is unknown."""
    if minutes is None:
        return ""
    counted = "less than 2 minutes" if minutes < 2.0 else f"{minutes:,.0f} minutes"
    return f", {counted} at the endpoint's pace"


def _attempts(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return why it had to show more; nothing for a first one without judges."""
    if _level(found) <= _FIRST_LEVEL:
        return ()
    return (
        "It had to show more than a first evaluation without judges, because earlier ones of this change did not pass,"
        " or because a judge decides, too: by chance, one of all attempts passes in at most 5 %.",
    )


def _refresh(proposal: Mapping[str, Any]) -> str:
    """Return what becomes of an evaluation that is too old."""
    if proposal.get("awaited_evaluation") is not None:
        return "It is older than 24 hours. Another evaluation is requested, and an approval waits for its verdict."
    if proposal["evaluation"]["verdict"] == "pass":
        return "It is older than 24 hours. Another evaluation is requested within minutes."
    return "It is older than 24 hours: evaluate the proposal again."


def _level(found: Mapping[str, Any]) -> float:
    return float(found.get("level", _FIRST_LEVEL))


def _difference(found: Mapping[str, Any]) -> str:
    """Return the difference of pass rates with its interval."""
    if found["difference"] is None or found["low"] is None or found["high"] is None:
        return "The difference of the pass rates is unknown."
    difference, low, high = (f"{100 * found[key]:+.1f}" for key in ("difference", "low", "high"))
    level = 100 * _level(found)
    return (
        f"Pass rate: {difference} pp against the version that it replaces ({level:.5g} % interval {low} to {high} pp)."
    )


def _progress(run: Mapping[str, Any]) -> str:
    if run["state"] == "running":
        progress = run["progress"]
        return f"An evaluation is running: {progress['answered']} of at most {progress['total']} answers."
    reason = run.get("waiting_reason")
    said = "" if reason is None else f"Not running: {reason}."
    following = _STATES.get(run["state"], "" if said else f"State: {run['state']}.")
    return f"{said} {following}".strip()
