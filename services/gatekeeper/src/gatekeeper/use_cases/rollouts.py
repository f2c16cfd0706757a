"""Change rollouts: by their approved plan, by a reviewer, or because another version went live."""

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from gatekeeper.domain.live_version import LiveKey
from gatekeeper.domain.rollout import Assessment, ChangeKind, Rollout
from gatekeeper.domain.rollout_progression import decide_next_change
from gatekeeper.storage.acceptance import AcceptanceRepository
from gatekeeper.storage.boundary_functions import call_for_rows
from gatekeeper.storage.kill_switch import KillSwitchRepository
from gatekeeper.storage.proposals import ProposalRepository
from gatekeeper.storage.rollouts import RolloutRepository
from gatekeeper.use_cases.live_publication import publish_live
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from shared.events import derived_id
from shared.events.promotion import PromptLive
from shared.events.rollouts import RolloutAdvanced, RolloutConcluded, RolloutEvent, RolloutStarted

_CHANGES: dict[str, ChangeKind] = {
    "advance": "advanced",
    "complete": "completed",
    "harmful": "rolled_back",
    "pause": "paused",
}
"""What the gatekeeper does by itself in a phase; in any other phase nothing."""


@dataclass(frozen=True, slots=True)
class SteerRequest:
    """A reviewer's change of a rollout. `revision`: the one that was seen. `key`: the API key, which is verified."""

    key: str
    rollout_id: UUID
    change: ChangeKind
    reason: str
    revision: int | None = None


async def start_rollout(unit: UnitOfWork, decision_id: UUID, project: str, environment: str) -> list[PromptLive]:
    """Start the rollout of an approval; return the live version with its arms."""
    promoted = await publish_live(unit, await call_for_rows(unit.conn, LiveKey, "start_rollout", decision_id))
    rollout = await RolloutRepository(unit.conn).get_open(project, environment, promoted[0].name)
    assert rollout is not None
    await _emit(unit, rollout, "started")
    return promoted


async def assess_rollout(unit: UnitOfWork, rollout: Rollout) -> Assessment:
    """Return what is to be done with a rollout at the time of `unit`."""
    measured = await RolloutRepository(unit.conn).get_measured(rollout.id)
    switch = await KillSwitchRepository(unit.conn).get_state(rollout.project, rollout.environment)
    return decide_next_change(rollout, measured, switch.halted, unit.now)


async def apply_assessment(unit: UnitOfWork, rollout: Rollout) -> list[PromptLive]:
    """Do what the plan says now; return the live version if its arms changed.

    Raises BoundaryError if the database refuses it, for example because the rollout was changed meanwhile.
    """
    found = await assess_rollout(unit, rollout)
    change = _CHANGES.get(found.phase)
    if change is None:
        return []
    reason = found.reason or {"harmful": "harmful"}.get(found.phase, "not-worse")
    arguments = (rollout.id, rollout.revision, change, reason, found.message, verdict_json(found))
    rows = await call_for_rows(unit.conn, LiveKey, "change_rollout", *arguments)
    return await _publish(unit, rollout, change, rows)


async def steer_rollout(unit: UnitOfWork, rollout: Rollout, request: SteerRequest) -> list[PromptLive]:
    """Change a rollout by a reviewer; return the live version if its arms changed. Raises BoundaryError."""
    verdict = verdict_json(await assess_rollout(unit, rollout))
    arguments = (request.key, request.rollout_id, request.revision, request.change, request.reason, verdict)
    rows = await call_for_rows(unit.conn, LiveKey, "steer_rollout", *arguments)
    return await _publish(unit, rollout, request.change, rows)


async def end_revoked_rollouts(unit: UnitOfWork, project: str) -> list[PromptLive]:
    """Roll back the rollouts whose candidate has a revoked example; return the live versions."""
    promoted: list[PromptLive] = []
    for rollout in await RolloutRepository(unit.conn).list_with_revoked(project):
        message = "an example in the candidate was revoked"
        change = (rollout.id, rollout.revision, "rolled_back", "example-revoked", message)
        rows = await call_for_rows(unit.conn, LiveKey, "change_rollout", *change, {"phase": "revoked"})
        promoted += await _publish(unit, rollout, "rolled_back", rows)
    return promoted


async def emit_superseded(unit: UnitOfWork, rollout: Rollout | None) -> None:
    """Emit the end of a rollout that was open before another version went live in this transaction."""
    if rollout is not None:
        await _emit_change(unit, rollout, "superseded")


async def _publish(unit: UnitOfWork, rollout: Rollout, change: ChangeKind, rows: list[LiveKey]) -> list[PromptLive]:
    promoted = await publish_live(unit, rows)
    await _emit_change(unit, rollout, change)
    if change == "completed":
        scope = (rollout.project, rollout.environment, rollout.proposal_id)
        proposal = await ProposalRepository(unit.conn).get_proposal(*scope)
        assert proposal is not None
        await AcceptanceRepository(unit.conn).watch(proposal, promoted[0].occurred_at)
    await unit.sign_audit_head(rollout.project)
    return promoted


async def _emit_change(unit: UnitOfWork, rollout: Rollout, change: ChangeKind) -> None:
    changed = await RolloutRepository(unit.conn).get_rollout(rollout.project, rollout.environment, rollout.id)
    assert changed is not None
    await _emit(unit, changed, change)


async def _emit(unit: UnitOfWork, rollout: Rollout, change: ChangeKind) -> None:
    facts = {
        "project": rollout.project, "environment": rollout.environment, "target": rollout.target,
        "rollout_id": rollout.id, "revision": rollout.revision, "name": rollout.name,
        "base_digest": rollout.base_digest, "candidate_digest": rollout.candidate_digest,
        "plan_digest": rollout.plan_digest, "decision_id": rollout.decision_id, "step": rollout.step,
        "weight": rollout.weight, "by": rollout.by, "reason": rollout.reason, "message": rollout.message,
    }  # fmt: skip
    event: RolloutEvent
    if change == "started":
        event = RolloutStarted(**facts)
    elif rollout.is_open:
        event = RolloutAdvanced.model_validate({**facts, "change": change})
    else:
        event = RolloutConcluded.model_validate({**facts, "outcome": rollout.state})
    await unit.emit(event, derived_id("rollout", str(rollout.id), str(rollout.revision)))


def verdict_json(found: Assessment) -> dict[str, Any]:
    """Return the JSON form of an assessment."""
    return {
        "phase": found.phase, "message": found.message, "arms": dict(found.arms), "reason": found.reason,
        "metrics": [{**asdict(metric), "unit": metric.unit} for metric in found.metrics],
    }  # fmt: skip
