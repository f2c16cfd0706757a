"""SQL of metric declarations."""

import json
from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.declarations import NO_DECLARATIONS, DeclarationKey, Declarations
from shared.events.metrics import DeclaredMetric, MetricDeclared

_SAVE = text(
    """INSERT INTO proposer.metric_declarations AS d (project, environment, target, metric, revision, declared)
       VALUES (:project, :environment, :target, :metric, :revision, CAST(:declared AS jsonb))
       ON CONFLICT (project, environment, target, metric) DO UPDATE
         SET revision = EXCLUDED.revision, declared = EXCLUDED.declared
         WHERE d.revision < EXCLUDED.revision"""
)
_GET = text(
    """SELECT d.project, d.environment, d.target, d.metric, d.declared
       FROM proposer.metric_declarations d
       JOIN unnest(CAST(:projects AS text[]), CAST(:environments AS text[])) AS wanted (project, environment)
         ON d.project = wanted.project AND d.environment = wanted.environment"""
)


class DeclarationRepository:
    """Metric declarations in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save_declaration(self, event: MetricDeclared) -> None:
        """Replace the earlier revision of a declaration; an event of an older revision is ignored."""
        values = {
            "project": event.project,
            "environment": event.environment,
            "target": event.target or "",
            "metric": event.metric,
            "revision": event.revision,
            "declared": json.dumps(event.declared.model_dump(exclude_none=True)),
        }
        await self._conn.execute(_SAVE, values)

    async def get_declarations(self, projects: Collection[tuple[str, str]]) -> Declarations:
        """Return the declarations of these (project, environment) pairs."""
        if not projects:
            return NO_DECLARATIONS
        names, environments = zip(*sorted(projects), strict=True)
        rows = await self._conn.execute(_GET, {"projects": list(names), "environments": list(environments)})
        return Declarations(
            {
                DeclarationKey(
                    row.project, row.environment, row.target or None, row.metric
                ): DeclaredMetric.model_validate(row.declared).declaration()
                for row in rows
            }
        )
