"""Reference model of the triggers in rollout_checks.sql, the state machine of a rollout, which decide in the product.

Which change is possible when, who may cause it, and what it needs. Two tests use it: one searches the model, the other
compares the database with it.

| change | from | to | who | needs |
|---|---|---|---|---|
| started | approved | running, first step | gatekeeper | an unused approval of this plan, base live, not halted |
| advanced | running, paused | running, next step | gatekeeper, reviewer | base live, not halted, minimum time |
| completed | the same, last step | live | gatekeeper, reviewer | as advanced |
| paused | running | paused | gatekeeper, reviewer, author | nothing |
| resumed | paused | running | reviewer | base live, not halted |
| rolled_back | running, paused | rolled_back | gatekeeper, reviewer, author | nothing |
| superseded | running, paused | superseded | gatekeeper | another version went live by a rollback |

The gatekeeper advances only what is running. A reviewer may advance without evidence and before the minimum time, but
not the author of the proposal. A rolled back rollout serves the base to all, and can't be continued: that needs
another approval.
"""

from dataclasses import dataclass
from typing import Literal

from gatekeeper.domain.rollout import OPEN, ChangeKind, State
from gatekeeper.domain.rollout_plan import ALL, RolloutPlan

Actor = Literal["gatekeeper", "reviewer", "author"]
"""`author`: a reviewer who wrote the proposal, and so must not authorise it."""
_STATE_AFTER: dict[ChangeKind, State] = {
    "started": "running",
    "advanced": "running",
    "completed": "live",
    "paused": "paused",
    "resumed": "running",
    "rolled_back": "rolled_back",
    "superseded": "superseded",
}


@dataclass(frozen=True, slots=True)
class Position:
    """Where a rollout is: before it started `state` is None. `weight`: the candidate's buckets."""

    state: State | None = None
    step: int = -1
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What changes depend on. `authorised`: an unused, unexpired approval binds this plan and these digests."""

    authorised: bool = True
    base_live: bool = True
    halted: bool = False
    min_time_passed: bool = True


def apply_change(
    plan: RolloutPlan, position: Position, change: ChangeKind, actor: Actor, given: Circumstances
) -> Position | None:
    """Return the position after a change; None if it is not possible."""
    if not _is_possible(plan, position, change) or not _is_allowed(position, change, actor, given):
        return None
    state = _STATE_AFTER[change]
    if change in ("paused", "resumed"):
        return Position(state, position.step, position.weight)
    if change in ("rolled_back", "superseded"):
        return Position(state, position.step, 0)
    step = position.step + 1
    return Position(state, step, ALL if change == "completed" else plan.steps[step].weight)


def _is_possible(plan: RolloutPlan, position: Position, change: ChangeKind) -> bool:
    last = position.step == len(plan.steps) - 1
    match change:
        case "started":
            return position.state is None
        case "advanced":
            return position.state in OPEN and not last
        case "completed":
            return position.state in OPEN and last
        case "paused":
            return position.state == "running"
        case "resumed":
            return position.state == "paused"
        case _:
            return position.state in OPEN


def _is_allowed(position: Position, change: ChangeKind, actor: Actor, given: Circumstances) -> bool:
    if change in ("paused", "rolled_back"):
        return True
    if change == "superseded":
        return actor == "gatekeeper" and not given.base_live
    if given.halted or not given.base_live:
        return False
    if change == "started":
        return actor == "gatekeeper" and given.authorised
    if actor == "gatekeeper":
        return change != "resumed" and position.state == "running" and given.min_time_passed
    return actor == "reviewer"
