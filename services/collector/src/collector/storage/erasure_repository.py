"""Requested erasures, the reports of the services, and the progress of the collector's own work."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from collector.domain.erasure import Counts
from collector.domain.erasure_status import SERVICES, Erasure, ErasureStatus, ServiceReport

_COLUMNS = "id, project, environment, subject, requested_by, requested_at, completed_at"
_SAVE = text(
    """INSERT INTO collector.erasures (id, project, environment, subject, requested_by, key_id, requested_at)
       VALUES (:id, :project, :environment, :subject, :requested_by, :key_id, :requested_at)"""
)
_INCOMPLETE = text(
    f"""SELECT {_COLUMNS} FROM collector.erasures
        WHERE project = :project AND subject = :subject AND completed_at IS NULL"""
)
_GET = text(f"SELECT {_COLUMNS} FROM collector.erasures WHERE id = :id AND project = :project")
_REPORTS = text(
    "SELECT service, erased, completed_at FROM collector.erasure_reports WHERE erasure_id = :id ORDER BY service"
)
_COUNTS = text("SELECT kind, erased FROM collector.erasure_counts WHERE erasure_id = :id ORDER BY kind")
_LOCK = text("SELECT project FROM collector.erasures WHERE id = :id FOR UPDATE")
_SAVE_REPORT = text(
    """INSERT INTO collector.erasure_reports (erasure_id, service, erased, completed_at)
       VALUES (:id, :service, CAST(:erased AS jsonb), :at) ON CONFLICT DO NOTHING"""
)
_COMPLETE = text(
    """UPDATE collector.erasures AS e SET completed_at = :at WHERE id = :id AND completed_at IS NULL
       AND ARRAY(SELECT service FROM collector.erasure_reports WHERE erasure_id = e.id) @> CAST(:services AS text[])"""
)
_UNFINISHED = text(
    f"""SELECT {_COLUMNS} FROM collector.erasures AS e WHERE completed_at IS NULL AND NOT EXISTS (
            SELECT FROM collector.erasure_reports AS r WHERE r.erasure_id = e.id AND r.service = 'collector')
        ORDER BY requested_at, id"""
)
_STEPS = text("SELECT step FROM collector.erasure_steps WHERE erasure_id = :id")
_SAVE_STEP = text("INSERT INTO collector.erasure_steps (erasure_id, step) VALUES (:id, :step) ON CONFLICT DO NOTHING")
_ADD_COUNT = text(
    """INSERT INTO collector.erasure_counts AS c (erasure_id, kind, erased) VALUES (:id, :kind, :erased)
       ON CONFLICT (erasure_id, kind) DO UPDATE SET erased = c.erased + excluded.erased"""
)
_LIST_REFERENCES = text("SELECT reference FROM collector.erasure_references WHERE erasure_id = :id ORDER BY reference")
_DELETE_REFERENCES = text("DELETE FROM collector.erasure_references WHERE erasure_id = :id")


class ErasureRepository:
    """Erasures in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def find_incomplete(self, project: str, subject: str) -> Erasure | None:
        """Return the erasure of a user that is not complete yet."""
        row = (await self._conn.execute(_INCOMPLETE, {"project": project, "subject": subject})).one_or_none()
        return None if row is None else _erasure(row)

    async def save(self, erasure: Erasure, key_id: str) -> None:
        """Store a new erasure."""
        values = {
            "id": erasure.id, "project": erasure.project, "environment": erasure.environment,
            "subject": erasure.subject, "requested_by": erasure.requested_by, "key_id": key_id,
            "requested_at": erasure.requested_at,
        }  # fmt: skip
        await self._conn.execute(_SAVE, values)

    async def get_status(self, project: str, erasure_id: UUID) -> ErasureStatus | None:
        """Return an erasure of a project with its reports; None if there is none."""
        row = (await self._conn.execute(_GET, {"project": project, "id": erasure_id})).one_or_none()
        if row is None:
            return None
        reports = await self._conn.execute(_REPORTS, {"id": erasure_id})
        found = [ServiceReport(each.service, each.erased, each.completed_at) for each in reports]
        return ErasureStatus(_erasure(row), found, await self.get_counts(erasure_id))

    async def get_counts(self, erasure_id: UUID) -> dict[str, int]:
        """Return what the collector has erased so far, by kind."""
        rows = await self._conn.execute(_COUNTS, {"id": erasure_id})
        return {row.kind: row.erased for row in rows}

    async def save_report(self, erasure_id: UUID, report: ServiceReport) -> None:
        """Store the report of a service; with the last one the erasure is complete. A repeat changes nothing."""
        if (await self._conn.execute(_LOCK, {"id": erasure_id})).one_or_none() is None:
            return  # of another installation on the same bus, or older than a restored database
        values: Mapping[str, Any] = {"id": erasure_id, "at": report.completed_at}
        erased = json.dumps(dict(report.erased))
        await self._conn.execute(_SAVE_REPORT, {**values, "service": report.service, "erased": erased})
        await self._conn.execute(_COMPLETE, {**values, "services": list(SERVICES)})

    async def list_unfinished(self) -> list[Erasure]:
        """Return the erasures of which the collector's own part is not done, oldest first."""
        return [_erasure(row) for row in await self._conn.execute(_UNFINISHED)]

    async def list_steps(self, erasure_id: UUID) -> set[str]:
        """Return the steps that are done."""
        return set((await self._conn.execute(_STEPS, {"id": erasure_id})).scalars())

    async def save_step(self, erasure_id: UUID, step: str) -> None:
        """Store that a step is done."""
        await self._conn.execute(_SAVE_STEP, {"id": erasure_id, "step": step})

    async def add_counts(self, erasure_id: UUID, erased: Counts) -> None:
        """Add to what the collector has erased."""
        for kind, count in erased.items():
            await self._conn.execute(_ADD_COUNT, {"id": erasure_id, "kind": kind, "erased": count})

    async def list_references(self, erasure_id: UUID) -> list[UUID]:
        """Return the references of the executions that were erased."""
        return list((await self._conn.execute(_LIST_REFERENCES, {"id": erasure_id})).scalars())

    async def finish(self, erasure_id: UUID, at: datetime) -> dict[str, int]:
        """Store the collector's own report, delete the work list, and return what was erased."""
        erased = await self.get_counts(erasure_id)
        await self._conn.execute(_DELETE_REFERENCES, {"id": erasure_id})
        await self.save_report(erasure_id, ServiceReport("collector", erased, at))
        return erased


def _erasure(row: Row[Any]) -> Erasure:
    return Erasure(**row._mapping)
