"""SQL of the runs that draft edits of instructions."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, func, or_, outerjoin, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.instruction_runs import CandidateEdit, InstructionRun, RunState
from proposer.domain.model import PromptKey
from proposer.domain.refused_proposals import RefusedProposal
from proposer.storage.instruction_tables import instruction_runs
from proposer.storage.tables import key_columns, key_from_row, matches_key, proposals
from shared.events.proposals import UsedTraces

_UNFINISHED = ("waiting", "evaluating")


class InstructionRunRepository:
    """Runs in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def add(self, run: InstructionRun, now: datetime) -> bool:
        """Save a run; return False if there was one for this regression and version already."""
        row = {
            "regression_id": run.regression_id, "base_digest": run.base_digest, **key_columns(run.key),
            "target": run.target, "source": run.source, "created_at": now, **_state(run, now),
        }  # fmt: skip
        return (await self._conn.execute(insert(instruction_runs).values(row).on_conflict_do_nothing())).rowcount == 1

    async def save(self, run: InstructionRun, now: datetime) -> None:
        """Save the state of a run."""
        mine = and_(
            instruction_runs.c.regression_id == run.regression_id, instruction_runs.c.base_digest == run.base_digest
        )
        await self._conn.execute(update(instruction_runs).where(mine).values(_state(run, now)))

    async def lock(self, regression_id: UUID, base_digest: str) -> InstructionRun | None:
        """Lock a run until the transaction ends, and return it."""
        r = instruction_runs.c
        mine = select(instruction_runs).where(r.regression_id == regression_id, r.base_digest == base_digest)
        row = (await self._conn.execute(mine.with_for_update())).first()
        return None if row is None else _run(row)

    async def lock_unfinished(self, key: PromptKey, base_digest: str, digest: str) -> list[InstructionRun]:
        """Lock the evaluating runs of a prompt version that have a candidate with this digest, and return them."""
        r = instruction_runs.c
        mine = and_(
            matches_key(instruction_runs, key), r.base_digest == base_digest, r.state == "evaluating",
            r.candidates.contains([{"digest": digest}]),
        )  # fmt: skip
        rows = await self._conn.execute(select(instruction_runs).where(mine).with_for_update())
        return [_run(row) for row in rows]

    async def next_waiting(self, now: datetime) -> InstructionRun | None:
        """Lock and return the run that waits longest for the model; None if none is due."""
        r = instruction_runs.c
        due = and_(r.state == "waiting", or_(r.next_call_at.is_(None), r.next_call_at <= now))
        oldest = select(instruction_runs).where(due).order_by(r.created_at, r.regression_id).limit(1)
        row = (await self._conn.execute(oldest.with_for_update(skip_locked=True))).first()
        return None if row is None else _run(row)

    async def end(self, now: datetime, *, regression_id: UUID | None = None, stale: PromptKey | None = None,
                  in_use: str | None = None) -> None:  # fmt: skip
        """End the unfinished runs of a regression, or of the versions of a prompt that are not `in_use`."""
        r = instruction_runs.c
        which = r.regression_id == regression_id
        if stale is not None:
            which = and_(matches_key(instruction_runs, stale), r.base_digest != in_use)
        mine = update(instruction_runs).where(which, r.state.in_(_UNFINISHED))
        await self._conn.execute(mine.values(state="ended", changed_at=now))

    async def count_since(self, project: str, environment: str, target: str, since: datetime) -> int:
        """Return how many runs of a target were begun since a moment."""
        r = instruction_runs.c
        mine = (r.project == project, r.environment == environment, r.target == target, r.created_at >= since)
        return int((await self._conn.execute(select(func.count()).where(*mine))).scalar_one())

    async def list_refused(self, key: PromptKey) -> list[RefusedProposal]:
        """Return the latest ten proposals for a prompt that people rejected or wanted changed, latest first."""
        r, p = instruction_runs.c, proposals.c
        refused = p.state.in_(("rejected", "changes_requested"))
        found = await self._conn.execute(
            select(p.kind, p.state, p.reason, p.digest, r.candidates)
            .select_from(outerjoin(proposals, instruction_runs, p.id == r.proposal_id))
            .where(matches_key(proposals, key), refused, or_(p.reason.is_not(None), r.candidates.is_not(None)))
            .order_by(p.changed_at.desc(), p.id, r.regression_id)
            .limit(10)
        )
        return list(dict.fromkeys(_refused(row) for row in found))

    async def list_prompts_of(self, regression_id: UUID) -> list[PromptKey]:
        """Return the prompts that have a run for a regression, in order."""
        r = instruction_runs.c
        mine = select(r.project, r.environment, r.name).where(r.regression_id == regression_id)
        return sorted(key_from_row(row) for row in await self._conn.execute(mine.distinct()))

    async def fail_overdue(self, before: datetime, now: datetime) -> None:
        """Fail the runs whose evaluations did not end, changed last before a moment."""
        r = instruction_runs.c
        overdue = update(instruction_runs).where(r.state == "evaluating", r.changed_at < before)
        detail = "the candidates were not evaluated in time: the target needs a golden set and a worker"
        await self._conn.execute(overdue.values(state="failed", detail=detail, changed_at=now))

    async def list_runs(
        self, scope: tuple[str, str], regression_id: UUID | None, limit: int
    ) -> Sequence[tuple[InstructionRun, datetime, datetime]]:
        """Return runs in `scope` (project, environment) with when they were made and changed, newest first."""
        r = instruction_runs.c
        mine = select(instruction_runs).where(r.project == scope[0], r.environment == scope[1])
        if regression_id is not None:
            mine = mine.where(r.regression_id == regression_id)
        rows = await self._conn.execute(mine.order_by(r.created_at.desc(), r.regression_id, r.base_digest).limit(limit))
        return [(_run(row), row.created_at, row.changed_at) for row in rows]


def _state(run: InstructionRun, now: datetime) -> dict[str, Any]:
    candidates = [{**asdict(each), "id": str(each.id), "document": dict(each.document)} for each in run.candidates]
    return {
        "state": run.state, "detail": run.detail, "candidates": candidates, "execution_ids": list(run.execution_ids),
        "calls": run.calls, "form": run.form, "next_call_at": run.next_call_at, "proposal_id": run.proposal_id,
        "changed_at": now, "traces": run.traces and run.traces.model_dump(),
    }  # fmt: skip


def _run(row: Row[Any]) -> InstructionRun:
    state: RunState = row.state
    candidates = tuple(CandidateEdit(**{**each, "id": UUID(each["id"])}) for each in row.candidates)
    return InstructionRun(
        row.regression_id, row.base_digest, key_from_row(row), row.target, row.source, state, row.detail, candidates,
        tuple(row.execution_ids), row.calls, row.form, row.next_call_at, row.proposal_id,
        UsedTraces.model_validate(row.traces) if row.traces else None,
    )  # fmt: skip


def _refused(row: Any) -> RefusedProposal:
    intents = [each["intent"] for each in row.candidates or () if each["digest"] == row.digest]
    return RefusedProposal(row.kind, row.state, intents[0] if intents else None, row.reason)
