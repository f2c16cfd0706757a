"""Reports of the connected instances, which all gatekeepers share."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.instance_reports import EXPIRES_AFTER_S, InstanceReport, PromptReport

MOST_INSTANCES = 20_000
"""Instances of one environment that are kept."""
_SAVE = text(
    """INSERT INTO gatekeeper.sdk_instances AS i (project, environment, instance, sdk, stream_id, prompts, reported_at)
       SELECT :project, :environment, :instance, :sdk, :stream, CAST(:prompts AS jsonb), clock_timestamp()
       WHERE :most > (SELECT count(*) FROM gatekeeper.sdk_instances x
                      WHERE (x.project, x.environment) = (:project, :environment) AND x.instance <> :instance)
       ON CONFLICT (project, environment, instance) DO UPDATE
       SET sdk = excluded.sdk, stream_id = excluded.stream_id, prompts = excluded.prompts,
           reported_at = excluded.reported_at
       RETURNING i.instance"""
)
_LIST = text(
    """SELECT instance, sdk, prompts, reported_at FROM gatekeeper.sdk_instances
       WHERE (project, environment) = (:project, :environment)
         AND reported_at > clock_timestamp() - make_interval(secs => :seconds)
       ORDER BY instance"""
)
_DELETE = text(
    """DELETE FROM gatekeeper.sdk_instances
       WHERE stream_id = ANY (CAST(:streams AS uuid[]))
          OR reported_at < clock_timestamp() - make_interval(secs => :seconds)"""
)


class InstanceRepository:
    """Reports in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save_report(
        self, scope: tuple[str, str], instance: str, sdk: str, stream: UUID | None, prompts: Sequence[PromptReport]
    ) -> bool:
        """Replace the report of an instance; False if the environment has too many."""
        values = {"project": scope[0], "environment": scope[1], "instance": instance, "sdk": sdk, "stream": stream,
                  "prompts": json.dumps([asdict(each) for each in prompts]), "most": MOST_INSTANCES}  # fmt: skip
        return (await self._conn.execute(_SAVE, values)).first() is not None

    async def list_reports(self, scope: tuple[str, str]) -> list[InstanceReport]:
        """Return the reports of the last 90 seconds, by the name of the instance."""
        values = {"project": scope[0], "environment": scope[1], "seconds": EXPIRES_AFTER_S}
        return [
            InstanceReport(row.instance, row.sdk, row.reported_at, tuple(PromptReport(**each) for each in row.prompts))
            for row in await self._conn.execute(_LIST, values)
        ]

    async def delete_ended(self, streams: Sequence[UUID]) -> None:
        """Delete the reports that came with these streams, and those that are too old."""
        await self._conn.execute(_DELETE, {"streams": list(streams), "seconds": EXPIRES_AFTER_S})
