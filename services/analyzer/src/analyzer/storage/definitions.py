"""Repository of metric declarations and of values that are not counted."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from analyzer.domain.metrics.definitions import Declared, Definitions, TargetScope
from analyzer.domain.metrics.uncounted import UncountedValue
from shared.metric_catalog import Declaration

_LOAD = text(
    """SELECT d.project, d.environment, d.target, d.metric, CAST(d.declaration AS text) AS declaration, d.generation
       FROM analyzer.metric_definitions AS d
       JOIN unnest(CAST(:projects AS text[]), CAST(:environments AS text[])) AS asked (project, environment)
         ON d.project = asked.project AND d.environment = asked.environment"""
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 13))")
_DECLARE = text(
    """INSERT INTO analyzer.metric_definitions AS d
         (project, environment, target, metric, declaration, generation, revision, declared_by, declared_at)
       VALUES (:project, :environment, :target, :metric, CAST(:declaration AS jsonb), :generation, 1, :declared_by,
               now())
       ON CONFLICT (project, environment, target, metric) DO UPDATE
         SET declaration = EXCLUDED.declaration, generation = EXCLUDED.generation, revision = d.revision + 1,
             declared_by = EXCLUDED.declared_by, declared_at = EXCLUDED.declared_at
       RETURNING revision"""
)
# Labels come from apps: beyond a limit they are counted together.
_COUNT = text(
    """INSERT INTO analyzer.uncounted AS u
         (project, environment, target, metric, reason, word, n, low, high, latest)
       SELECT :project, :environment, :target, :metric, :reason,
              CASE WHEN :word = '' OR count(*) FILTER (WHERE word = :word) > 0 OR count(*) < :words
                   THEN :word ELSE 'other words' END,
              :n, :low, :high, now()
       FROM analyzer.uncounted
       WHERE project = :project AND environment = :environment AND target = :target AND metric = :metric
         AND reason = :reason
       ON CONFLICT (project, environment, target, metric, reason, word) DO UPDATE
         SET n = u.n + EXCLUDED.n, low = least(u.low, EXCLUDED.low), high = greatest(u.high, EXCLUDED.high),
             latest = EXCLUDED.latest"""
)
_MAX_WORDS = 100
# Element 2 of the state has the sums, the first of them n: see `Stream.dump`.
_COUNTS = text(
    """SELECT target, metric, generation, sum(CAST(coalesce(state, mirrored) -> 2 ->> 0 AS bigint)) AS n
       FROM analyzer.streams
       WHERE project = :project AND environment = :environment
         AND (CAST(:target AS text) IS NULL OR target = :target)
       GROUP BY target, metric, generation"""
)
_UNCOUNTED = text(
    """SELECT target, metric, reason, word, n, low, high, latest FROM analyzer.uncounted
       WHERE project = :project AND environment = :environment
         AND (CAST(:target AS text) IS NULL OR target = :target)
       ORDER BY target, metric, n DESC, reason, word"""
)


class DefinitionRepository:
    """The tables `metric_definitions` and `uncounted`, in the caller's transaction."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def get_definitions(self, projects: Collection[tuple[str, str]]) -> Definitions:
        """Return the declarations of these projects and environments."""
        if not projects:
            return Definitions()
        names, environments = zip(*sorted(projects), strict=True)
        rows = await self._conn.execute(_LOAD, {"projects": list(names), "environments": list(environments)})
        return Definitions(
            {
                TargetScope(row.project, row.environment, row.target or None, row.metric): Declared(
                    declaration_from_json(json.loads(row.declaration)), row.generation
                )
                for row in rows
            }
        )

    async def lock_definitions(self, scope: TargetScope) -> None:
        """Lock the declarations of the project and environment; waits for other transactions."""
        await self._conn.execute(_LOCK, {"name": json.dumps(scope[:2])})

    async def save_declaration(self, scope: TargetScope, declared: Declared, declared_by: str) -> int:
        """Save a declaration, replacing the previous one; return its revision."""
        values = {**scope._asdict(), "target": scope.target or "", "declared_by": declared_by}
        declaration = json.dumps(declaration_to_json(declared.declaration))
        values |= {"declaration": declaration, "generation": declared.generation}
        revision: int = (await self._conn.execute(_DECLARE, values)).scalar_one()
        return revision

    async def list_counts(self, project: str, environment: str, target: str | None) -> list[Row[Any]]:
        """Return how many values each metric of each target counts, by generation."""
        filters = {"project": project, "environment": environment, "target": target}
        return list(await self._conn.execute(_COUNTS, filters))

    async def list_uncounted(self, project: str, environment: str, target: str | None) -> list[Row[Any]]:
        """Return the uncounted values, most frequent first within each metric."""
        filters = {"project": project, "environment": environment, "target": target}
        return list(await self._conn.execute(_UNCOUNTED, filters))

    async def add_uncounted(self, found: Iterable[UncountedValue]) -> None:
        """Add uncounted values, in key order so that transactions cannot deadlock."""
        totals: dict[tuple[str, ...], list[Any]] = {}
        for each in found:
            total = totals.setdefault(each[:6], [0, None, None])
            total[0] += 1
            if each.value is not None:
                total[1] = each.value if total[1] is None else min(total[1], each.value)
                total[2] = each.value if total[2] is None else max(total[2], each.value)
        names = ("project", "environment", "target", "metric", "reason", "word")
        for key, (n, low, high) in sorted(totals.items()):
            values = {**dict(zip(names, key, strict=True)), "n": n, "low": low, "high": high, "words": _MAX_WORDS}
            await self._conn.execute(_COUNT, values)


def declaration_to_json(declaration: Declaration) -> dict[str, Any]:
    """Return the declared fields as JSON."""
    found = {
        "direction": declaration.direction,
        "unit": declaration.unit,
        "scale": list(declaration.scale) if declaration.scale else None,
        "aggregation": declaration.aggregation,
        "floor": declaration.floor,
        "safety": declaration.safety,
        "labels": dict(declaration.labels) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def declaration_from_json(found: Mapping[str, Any]) -> Declaration:
    """Return the declaration of a stored JSON object."""
    scale = found.get("scale")
    return Declaration(
        found.get("direction"),
        found.get("unit"),
        (scale[0], scale[1]) if scale else None,
        found.get("aggregation"),
        found.get("floor"),
        found.get("safety"),
        found.get("labels") or {},
    )
