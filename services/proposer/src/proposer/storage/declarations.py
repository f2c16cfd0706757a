"""All SQL of the declarations of metrics."""

import json
from collections.abc import Collection

from sqlalchemy import text

from proposer.domain.declarations import NO_DECLARATIONS, DeclarationKey, Declarations
from shared.events.metrics import DeclaredMetric, MetricDeclared
from shared.messaging.store import Tx

_SAVE = text(
    """INSERT INTO proposer.metric_declarations AS d (project, environment, target, metric, revision, declared)
       VALUES (:project, :environment, :target, :metric, :revision, CAST(:declared AS jsonb))
       ON CONFLICT (project, environment, target, metric) DO UPDATE
         SET revision = EXCLUDED.revision, declared = EXCLUDED.declared
         WHERE d.revision < EXCLUDED.revision"""
)
_LOAD = text(
    """SELECT d.project, d.environment, d.target, d.metric, d.declared
       FROM proposer.metric_declarations d
       JOIN unnest(CAST(:projects AS text[]), CAST(:environments AS text[])) AS wanted (project, environment)
         ON d.project = wanted.project AND d.environment = wanted.environment"""
)


async def save_declaration(tx: Tx, event: MetricDeclared) -> None:
    """Save a declaration in the place of an earlier revision; an event that is older changes nothing."""
    values = {
        "project": event.project,
        "environment": event.environment,
        "target": event.target or "",
        "metric": event.metric,
        "revision": event.revision,
        "declared": json.dumps(event.declared.model_dump(exclude_none=True)),
    }
    await tx.conn.execute(_SAVE, values)


async def load_declarations(tx: Tx, projects: Collection[tuple[str, str]]) -> Declarations:
    """Return what is declared in these projects and environments."""
    if not projects:
        return NO_DECLARATIONS
    names, environments = zip(*sorted(projects), strict=True)
    rows = await tx.conn.execute(_LOAD, {"projects": list(names), "environments": list(environments)})
    return Declarations(
        {
            DeclarationKey(row.project, row.environment, row.target or None, row.metric): DeclaredMetric.model_validate(
                row.declared
            ).declaration()
            for row in rows
        }
    )
