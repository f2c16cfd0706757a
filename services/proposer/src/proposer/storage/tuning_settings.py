"""SQL of the tuning settings of targets."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.schedules import next_run
from proposer.domain.tuning_settings import TuningSettings, read_settings
from proposer.storage.tables import tuning_settings

_DEFAULTS = TuningSettings()


class TuningSettingsRepository:
    """Settings of targets in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def get(self, project: str, environment: str, target: str) -> TuningSettings:
        """Return the settings of a target; the defaults if it has none."""
        s = tuning_settings.c
        mine = (s.project == project, s.environment == environment, s.target == target)
        found = (await self._conn.execute(select(s.settings).where(*mine))).scalar()
        return read_settings(found) if found else _DEFAULTS

    async def list_all(self, project: str, environment: str) -> dict[str, TuningSettings]:
        """Return the settings of each target that has its own, by target."""
        s = tuning_settings.c
        mine = select(s.target, s.settings).where(s.project == project, s.environment == environment)
        rows = await self._conn.execute(mine.order_by(s.target))
        return {row.target: read_settings(row.settings) for row in rows}

    async def save(
        self, project: str, environment: str, target: str, settings: TuningSettings, by: str, now: datetime
    ) -> None:
        """Replace the settings of a target. Its schedule runs next after `now`."""
        runs_at = next_run(settings.schedule, settings.time_zone, now) if settings.schedule else None
        statement = insert(tuning_settings).values(
            project=project, environment=environment, target=target, revision=1,
            settings=asdict(settings), changed_at=now, changed_by=by, next_run_at=runs_at,
        )  # fmt: skip
        await self._conn.execute(
            statement.on_conflict_do_update(
                index_elements=["project", "environment", "target"],
                set_={
                    "revision": tuning_settings.c.revision + 1,
                    "settings": statement.excluded.settings,
                    "changed_at": now,
                    "changed_by": by,
                    "next_run_at": runs_at,
                },
            )
        )
