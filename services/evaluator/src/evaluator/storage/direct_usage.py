"""SQL of what the direct endpoint has used, by day (UTC)."""

from datetime import date
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.direct_terms import DirectTerms
from evaluator.storage.run_tables import direct_usage


class DirectUsage(NamedTuple):
    """Calls of the endpoint and their tokens."""

    calls: int
    tokens: int


class DirectUsageRepository:
    """Usage of the direct endpoint, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def get_usage(self, day: date) -> DirectUsage:
        """Return what was used on a day."""
        mine = select(direct_usage.c.calls, direct_usage.c.tokens).where(direct_usage.c.day == day)
        row = (await self._conn.execute(mine)).first()
        return DirectUsage(0, 0) if row is None else DirectUsage(row.calls, row.tokens)

    async def add_usage(self, day: date, used: DirectUsage) -> None:
        """Add to what was used on a day."""
        c = direct_usage.c
        row = insert(direct_usage).values(day=day, **used._asdict())
        more = {"calls": c.calls + row.excluded.calls, "tokens": c.tokens + row.excluded.tokens}
        await self._conn.execute(row.on_conflict_do_update(index_elements=["day"], set_=more))


async def list_exhausted_prompts(
    conn: AsyncConnection, terms: DirectTerms | None, scope: tuple[str, str], day: date
) -> tuple[str, ...]:
    """Return the prompts of a project and environment that wait for the next day's budget."""
    if terms is None or scope != (terms.project, terms.environment):
        return ()
    used = await DirectUsageRepository(conn).get_usage(day)
    return terms.prompts if terms.allowed_calls(*used) < 1 else ()
