"""SQL of requested bisections and what they found."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.bisected_fixes import EditKey
from proposer.storage.tables import bisections
from shared.events.bisection import BisectionCompleted


class RequestedBisectionRepository:
    """Requested bisections, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save_request(self, regression_id: UUID, edit: EditKey, now: datetime) -> bool:
        """Save the request of a bisection; return False if it was requested before."""
        row = {"regression_id": regression_id, "good_digest": edit[0], "bad_digest": edit[1], "requested_at": now}
        return (await self._conn.execute(insert(bisections).values(row).on_conflict_do_nothing())).rowcount == 1

    async def save_result(self, event: BisectionCompleted, now: datetime) -> bool:
        """Save what a bisection found; return False if it was not requested here, or is known already."""
        b = bisections.c
        edit = and_(b.good_digest == event.good_digest, b.bad_digest == event.bad_digest)
        mine = and_(b.regression_id == event.regression_id, edit, b.result.is_(None))
        values = {"result": event.model_dump(mode="json"), "completed_at": now}
        return (await self._conn.execute(update(bisections).where(mine).values(values))).rowcount == 1

    async def list_results(self, regression_ids: Collection[UUID]) -> list[BisectionCompleted]:
        """Return the results of the bisections of these regressions."""
        b = bisections.c
        found = select(b.result).where(b.regression_id.in_(regression_ids), b.result.is_not(None))
        return [BisectionCompleted.model_validate(result) for result in await self._conn.scalars(found)]
