"""SQL of the calls of the language model: their pace, and what they used."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.storage.instruction_tables import model_calls

RunKey = tuple[UUID, str]
"""The regression and the base digest of a run."""
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('proposer.model_calls'))")
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ModelSpend:
    """Calls and what they used; `usd` is None where a price is unknown."""

    calls: int = 0
    tokens: int = 0
    usd: float | None = None


class ModelCallRepository:
    """Calls of the language model, in the transaction of `conn`. All instances share them."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def lock(self) -> None:
        """Let no other instance begin a call until the transaction ends."""
        await self._conn.execute(_LOCK)

    async def count_recent(self, now: datetime) -> int:
        """Return the number of calls that began within the last minute."""
        recent = select(func.count()).where(model_calls.c.begun_at > now - _MINUTE)
        return int((await self._conn.execute(recent)).scalar_one())

    async def get_day_spend(self, now: datetime) -> ModelSpend:
        """Return what was used or is reserved on this day (UTC)."""
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return await self._spend(and_(model_calls.c.begun_at >= day, model_calls.c.begun_at < day + timedelta(days=1)))

    async def get_run_spend(self, run: RunKey) -> ModelSpend:
        """Return what was used or is reserved for a run."""
        return await self._spend(and_(model_calls.c.regression_id == run[0], model_calls.c.base_digest == run[1]))

    async def begin(self, call_id: UUID, run: RunKey, reserved: ModelSpend, now: datetime) -> None:
        """Save a call that is about to be made, with the most that it may use."""
        row = {
            "id": call_id, "regression_id": run[0], "base_digest": run[1], "begun_at": now,
            "reserved_tokens": reserved.tokens, "reserved_usd": reserved.usd,
        }  # fmt: skip
        await self._conn.execute(insert(model_calls).values(row))

    async def end(self, call_id: UUID, spent: ModelSpend, outcome: str) -> None:
        """Save what a call used."""
        values = {"tokens": spent.tokens, "usd": spent.usd, "outcome": outcome}
        await self._conn.execute(update(model_calls).where(model_calls.c.id == call_id).values(values))

    async def delete_before(self, moment: datetime) -> None:
        """Delete calls that began before a moment."""
        await self._conn.execute(delete(model_calls).where(model_calls.c.begun_at < moment))

    async def _spend(self, which: object) -> ModelSpend:
        c = model_calls.c
        tokens, usd = func.coalesce(c.tokens, c.reserved_tokens), func.coalesce(c.usd, c.reserved_usd)
        sums = select(func.count(), func.coalesce(func.sum(tokens), 0), func.sum(usd))
        row = (await self._conn.execute(sums.where(which))).one()  # type: ignore[arg-type]
        return ModelSpend(int(row[0]), int(row[1]), row[2])
