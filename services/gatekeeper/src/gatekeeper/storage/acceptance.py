"""Acceptance criteria of promoted proposals: what was measured since the promotion, and whether they are met."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.stored_proposal import CriterionOutcome, StoredProposal
from shared.events.quality import QualityMeasured

_WATCH = text(
    """INSERT INTO gatekeeper.acceptance (proposal_id, project, environment, target, name, digest, metric, comparison,
                                          threshold, needed, live_since)
       VALUES (:proposal_id, :project, :environment, :target, :name, :digest, :metric, :comparison,
               :threshold, :n, :since)
       ON CONFLICT DO NOTHING"""
)
_COUNT = text(
    """UPDATE gatekeeper.acceptance a
       SET counted = a.counted + :n, total = a.total + :n * CAST(:mean AS double precision),
           state = CASE WHEN a.counted + :n < a.needed THEN 'open'
                        WHEN a.comparison = '>=' AND s.mean >= a.threshold THEN 'met'
                        WHEN a.comparison = '<=' AND s.mean <= a.threshold THEN 'met'
                        ELSE 'not_met' END,
           decided_at = CASE WHEN a.counted + :n < a.needed THEN NULL ELSE CAST(:now AS timestamptz) END
       FROM (SELECT proposal_id, metric, comparison,
                    (total + :n * CAST(:mean AS double precision)) / (counted + :n) AS mean
             FROM gatekeeper.acceptance
             WHERE state = 'open' AND live_since <= :start
               AND (project, environment, name, digest, metric, target)
                 = (:project, :environment, :name, :digest, :metric, :target)
             FOR UPDATE) s
       WHERE (a.proposal_id, a.metric, a.comparison) = (s.proposal_id, s.metric, s.comparison)"""
)
_LIST = text(
    """SELECT metric, comparison, state, counted, needed, CASE WHEN counted > 0 THEN total / counted END AS mean,
              decided_at
       FROM gatekeeper.acceptance WHERE proposal_id = :proposal_id ORDER BY metric, comparison"""
)


@dataclass(frozen=True, slots=True)
class AcceptanceRepository:
    """Acceptance criteria in the transaction of `conn`."""

    conn: AsyncConnection

    async def watch(self, proposal: StoredProposal, since: datetime) -> None:
        """Begin to count what is measured for the criteria of a proposal that went live at `since`."""
        about = {"proposal_id": proposal.id, "project": proposal.project, "environment": proposal.environment,
                 "target": proposal.target, "name": proposal.name, "digest": proposal.digest,
                 "since": since}  # fmt: skip
        criteria = [
            {key: each[key] for key in ("metric", "comparison", "threshold", "n")}
            for each in proposal.content["acceptance"]
        ]
        if criteria:
            await self.conn.execute(_WATCH, [{**about, **each} for each in criteria])

    async def count(self, event: QualityMeasured, now: datetime) -> None:
        """Add a window of values, unless it began before the promotion; decide when there are enough."""
        values = {"project": event.project, "environment": event.environment, "target": event.target,
                  "name": event.prompt, "digest": event.identity, "metric": event.metric, "start": event.window.start,
                  "n": event.measurement.n, "mean": event.measurement.mean, "now": now}  # fmt: skip
        await self.conn.execute(_COUNT, values)

    async def list_outcomes(self, proposal_id: UUID) -> Sequence[CriterionOutcome]:
        """Return the outcomes of a proposal's criteria; [] if it never went live."""
        return [CriterionOutcome(*row) for row in await self.conn.execute(_LIST, {"proposal_id": proposal_id})]
