"""SQL of the schedules of targets: which are due for tuning."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.schedules import next_run
from proposer.domain.tuning_settings import TuningSettings, read_settings
from proposer.storage.tables import tuning_settings


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A target whose schedule is due, with its settings."""

    project: str
    environment: str
    target: str
    settings: TuningSettings


class TuningScheduleRepository:
    """Schedules of targets in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def claim_due(self, now: datetime) -> DueSchedule | None:
        """Lock a target whose schedule is due, and save its next run; None if there is none.

        Another instance skips it until this transaction ends, and then it is no longer due. Runs that were missed while
        no instance was there are done once.
        """
        s = tuning_settings.c
        due = select(tuning_settings).where(s.next_run_at <= now).order_by(s.next_run_at).limit(1)
        row = (await self._conn.execute(due.with_for_update(skip_locked=True))).first()
        if row is None:
            return None
        settings = read_settings(row.settings)
        runs_at = next_run(settings.schedule, settings.time_zone, now) if settings.schedule else None
        mine = (s.project == row.project, s.environment == row.environment, s.target == row.target)
        await self._conn.execute(update(tuning_settings).where(*mine).values(next_run_at=runs_at))
        return DueSchedule(row.project, row.environment, row.target, settings)
