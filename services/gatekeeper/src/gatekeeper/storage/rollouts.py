"""Rollouts, their plans and what was measured of their arms. The functions of the database write rollouts."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.rollout import Arm, MetricSums, Rollout
from gatekeeper.domain.rollout_plan import RolloutPlan, plan_of
from shared.events.quality import GroupChanges, QualityMeasured
from shared.statistics.two_arms import ArmSums
from shared.statistics.unit_groups import GROUPS, UnitSums

_FIELDS = [
    *("id", "decision_id", "proposal_id", "project", "environment", "name", "target", "base_digest"),
    *("candidate_digest", "plan_digest", "started_at", "revision", "state", "step", "weight", "since", "changed_at"),
    *("by", "reason", "message"),
]
_SELECT = f"""SELECT {", ".join(f"s.{field}" for field in _FIELDS)}, p.canonical AS plan
              FROM gatekeeper.rollout_states s
              JOIN gatekeeper.rollout_plans p ON (p.project, p.digest) = (s.project, s.plan_digest)"""
_BY_ID = text(f"{_SELECT} WHERE (s.project, s.environment, s.id) = (:project, :environment, :id)")
_LIST = text(
    f"""{_SELECT} WHERE s.project = :project AND s.environment = :environment
        AND (CAST(:name AS text) IS NULL OR s.name = :name)
        AND (CAST(:proposal AS uuid) IS NULL OR s.proposal_id = :proposal)
        ORDER BY s.started_at DESC, s.id DESC LIMIT :limit"""
)
_OPEN = text(f"{_SELECT} WHERE s.state IN ('running', 'paused') ORDER BY s.id")
_UNSERVABLE = text(
    f"""{_SELECT} WHERE s.state IN ('running', 'paused') AND s.project = :project
        AND EXISTS (SELECT FROM gatekeeper.prompt_versions v,
                           jsonb_each(coalesce(v.canonical::jsonb -> 'slots', '{{}}')) d
                    JOIN gatekeeper.example_sets e ON e.project = :project AND e.digest = d.value ->> 'set',
                           jsonb_array_elements_text(e.canonical::jsonb -> 'examples') m
                    JOIN gatekeeper.example_revocations x ON x.project = :project AND x.digest = m
                    WHERE (v.project, v.digest) = (s.project, s.candidate_digest)
                    AND x.environment IN ('*', s.environment))"""
)
_CHANGES = text(
    """SELECT revision, kind, step, weight, by, reason, message, verdict, at FROM gatekeeper.rollout_changes
       WHERE rollout_id = :id ORDER BY revision DESC LIMIT 100"""
)
_SAVE_PLAN = text(
    """INSERT INTO gatekeeper.rollout_plans (project, digest, canonical) VALUES (:project, :digest, :canonical)
       ON CONFLICT DO NOTHING"""
)
# The step is the one in which the window began: windows are at most seconds long. A window that began before the
# rollout is not of its arms.
_ADD = text(
    """INSERT INTO gatekeeper.rollout_measurements AS m (rollout_id, step, metric, arm, bounded, n, total, squares)
       SELECT s.id, (SELECT max(c.step) FROM gatekeeper.rollout_changes c WHERE c.rollout_id = s.id AND c.at <= :start),
              :metric, :arm, :bounded, :n, :total, :squares
       FROM gatekeeper.rollout_states s
       WHERE (s.project, s.environment, s.name, s.target) = (:project, :environment, :name, :target)
         AND s.state IN ('running', 'paused') AND s.started_at <= :start
         AND :digest = CASE :arm WHEN 'candidate' THEN s.candidate_digest ELSE s.base_digest END
       ON CONFLICT (rollout_id, step, metric, arm) DO UPDATE
       SET n = m.n + excluded.n, total = m.total + excluded.total, squares = m.squares + excluded.squares
       RETURNING m.rollout_id, m.step, (SELECT p.canonical::jsonb ->> 'unit'
                 FROM gatekeeper.rollouts r
                 JOIN gatekeeper.rollout_plans p ON (p.project, p.digest) = (r.project, r.plan_digest)
                 WHERE r.id = m.rollout_id) AS unit"""
)
_ADD_GROUPS = text(
    """INSERT INTO gatekeeper.rollout_unit_groups AS g (rollout_id, step, metric, arm, unit_group, n, total)
       SELECT :id, :step, :metric, :arm, x.unit_group, x.n, x.total
       FROM unnest(CAST(:groups AS smallint[]), CAST(:counts AS bigint[]), CAST(:totals AS double precision[]))
            x (unit_group, n, total)
       ON CONFLICT (rollout_id, step, metric, arm, unit_group) DO UPDATE
       SET n = g.n + excluded.n, total = g.total + excluded.total"""
)
_SUMS = text(
    """SELECT m.step, m.metric, m.arm, m.bounded, m.n, m.total, m.squares, g.groups, g.counts, g.totals
       FROM gatekeeper.rollout_measurements m
       LEFT JOIN (SELECT step, metric, arm, array_agg(unit_group) AS groups, array_agg(n) AS counts,
                         array_agg(total) AS totals
                  FROM gatekeeper.rollout_unit_groups WHERE rollout_id = :id GROUP BY step, metric, arm) g
              USING (step, metric, arm)
       WHERE m.rollout_id = :id"""
)


class RolloutRepository:
    """Rollouts in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def get_rollout(self, project: str, environment: str, rollout_id: UUID) -> Rollout | None:
        """Return a rollout with its state; None if there is none in this environment."""
        values = {"project": project, "environment": environment, "id": rollout_id}
        row = (await self._conn.execute(_BY_ID, values)).first()
        return None if row is None else _rollout(row)

    async def list_rollouts(
        self, project: str, environment: str, name: str | None = None, proposal: UUID | None = None, limit: int = 20
    ) -> list[Rollout]:
        """Return rollouts, newest first: all, or those of a prompt or a proposal."""
        values = {"project": project, "environment": environment, "name": name, "proposal": proposal, "limit": limit}
        return [_rollout(row) for row in await self._conn.execute(_LIST, values)]

    async def get_open(self, project: str, environment: str, name: str) -> Rollout | None:
        """Return the rollout of a prompt that has not ended; None if there is none."""
        found = await self.list_rollouts(project, environment, name, limit=1)
        return next((rollout for rollout in found if rollout.is_open), None)

    async def list_open(self) -> list[Rollout]:
        """Return the rollouts of all projects that have not ended."""
        return [_rollout(row) for row in await self._conn.execute(_OPEN)]

    async def list_with_revoked(self, project: str) -> list[Rollout]:
        """Return the open rollouts of a project whose candidate has a revoked example."""
        return [_rollout(row) for row in await self._conn.execute(_UNSERVABLE, {"project": project})]

    async def list_changes(self, rollout_id: UUID) -> Sequence[Mapping[str, Any]]:
        """Return the last 100 changes of a rollout, newest first."""
        return [dict(row) for row in (await self._conn.execute(_CHANGES, {"id": rollout_id})).mappings()]

    async def save_plan(self, project: str, plan: RolloutPlan) -> None:
        """Store a plan under its digest."""
        values = {"project": project, "digest": plan.digest, "canonical": plan.canonical.decode()}
        await self._conn.execute(_SAVE_PLAN, values)

    async def add_measurement(self, event: QualityMeasured) -> UUID | None:
        """Add what was measured of an arm to the open rollout that it is about; return its id, or None."""
        assert event.arm_sums is not None
        values = {"project": event.project, "environment": event.environment, "name": event.prompt,
                  "target": event.target, "digest": event.identity, "arm": event.arm, "metric": event.metric,
                  "start": event.window.start,
                  **event.arm_sums.model_dump(exclude={"users", "sessions"})}  # fmt: skip
        added = (await self._conn.execute(_ADD, values)).first()
        if added is None:
            return None
        groups = _groups_of(event, added.unit)
        if groups and event.arm != "unassigned":
            numbers, counts, totals = (list(column) for column in zip(*groups, strict=True))
            parts = {"id": added.rollout_id, "step": added.step, "metric": event.metric, "arm": event.arm}
            await self._conn.execute(_ADD_GROUPS, {**parts, "groups": numbers, "counts": counts, "totals": totals})
        found: UUID = added.rollout_id
        return found

    async def get_measured(self, rollout_id: UUID) -> dict[tuple[int, str], MetricSums]:
        """Return what was measured of a rollout, by step and metric."""
        arms: dict[tuple[int, str], dict[Arm, ArmSums]] = {}
        bounded: dict[tuple[int, str], bool] = {}
        for row in await self._conn.execute(_SUMS, {"id": rollout_id}):
            key = (row.step, row.metric)
            groups = zip(row.groups or (), row.counts or (), row.totals or (), strict=True)
            arms.setdefault(key, {})[row.arm] = ArmSums(
                row.n, row.total, row.squares, {group: UnitSums(n, total) for group, n, total in groups}
            )
            bounded[key] = row.bounded
        return {key: MetricSums(bounded[key], found) for key, found in arms.items()}


def _groups_of(event: QualityMeasured, unit: str) -> GroupChanges:
    """Return the changes by groups of a plan's unit. Without ids of it, the window's values count as one unit."""
    sums = event.arm_sums
    assert sums is not None
    if unit == "execution":
        return ()
    groups = sums.users if unit == "user" else sums.sessions
    return groups or ((int(event.window.start.timestamp()) % GROUPS, sums.n, sums.total),)


def _rollout(row: Row[Any]) -> Rollout:
    return Rollout(plan=plan_of(json.loads(row.plan)), **{field: getattr(row, field) for field in _FIELDS})
