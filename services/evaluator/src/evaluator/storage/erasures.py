"""SQL of the erasure of users: tombstones, cases, published versions, and what evaluations made of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.datasets import DatasetKey

_ADD = text(
    """INSERT INTO evaluator.erased_subjects (key, erasure_id) SELECT unnest(CAST(:keys AS text[])), :id
       ON CONFLICT DO NOTHING"""
)
_ENVIRONMENTS = text(
    """SELECT environment FROM evaluator.datasets WHERE project = :project
       UNION SELECT environment FROM evaluator.annotation_queues WHERE project = :project
       UNION SELECT environment FROM evaluator.api_keys WHERE project = :project"""
)
_DATASETS = text("SELECT environment, name FROM evaluator.datasets WHERE project = :project ORDER BY environment, name")
_IN_DATASET = "project = :project AND environment = :environment AND dataset = :dataset"
_CONTENTS = text(
    f"""SELECT version, digest, content FROM evaluator.versions
        WHERE {_IN_DATASET} AND erased_at IS NULL ORDER BY version"""
)
_DELETE_CASES = text(f"DELETE FROM evaluator.cases WHERE {_IN_DATASET} AND case_id = ANY(CAST(:ids AS text[]))")
_DELETE_PAIRS = text(
    f"""DELETE FROM evaluator.near_duplicates WHERE {_IN_DATASET}
        AND (first = ANY(CAST(:ids AS text[])) OR second = ANY(CAST(:ids AS text[])))"""
)
_EMPTY_VERSIONS = text(
    f"""UPDATE evaluator.versions SET content = '', manifest = '{{}}', erased_at = :now
        WHERE {_IN_DATASET} AND version = ANY(CAST(:versions AS int[])) AND erased_at IS NULL"""
)
_ON_VERSIONS = f"""SELECT id FROM evaluator.evaluations
  WHERE {_IN_DATASET} AND dataset_digest = ANY(CAST(:digests AS text[]))"""
_RESTART_BISECTIONS = text(
    f"""UPDATE evaluator.bisections SET state = 'waiting', dataset = NULL, dataset_digest = NULL, clusters = 0
        WHERE state = 'running' AND {_IN_DATASET} AND dataset_digest = ANY(CAST(:digests AS text[])) RETURNING id"""
)
_DELETE_PROBES = text("DELETE FROM evaluator.evaluations WHERE bisection_id = ANY(CAST(:ids AS uuid[]))")
_RESTART = text(
    f"""UPDATE evaluator.evaluations SET state = 'waiting', dataset_digest = NULL, excluded = '[]', counted = 0,
          decided = false, started_at = NULL WHERE state = 'running' AND id IN ({_ON_VERSIONS}) RETURNING id"""
)
# Answers that wait for a judge, with what was asked; those of the next version are queued again.
_DELETE_JUDGEMENTS = text(
    """DELETE FROM evaluator.judgements WHERE state = 'waiting' AND evaluation_id IN (
         SELECT id FROM evaluator.evaluations WHERE project = :project AND environment = :environment
           AND dataset = :dataset)"""
)
_DELETE_TASKS = text(
    f"""DELETE FROM evaluator.evaluation_tasks
        WHERE evaluation_id IN ({_ON_VERSIONS}) OR evaluation_id = ANY(CAST(:restarted AS uuid[]))"""
)
_DELETE_REPORTS = text(f"DELETE FROM evaluator.evaluation_reports WHERE evaluation_id IN ({_ON_VERSIONS})")
_ANNOTATED = text(
    """SELECT t.id, t.execution_id FROM evaluator.annotation_tasks t
       JOIN evaluator.annotation_queues q ON q.id = t.queue_id
       WHERE q.project = :project AND t.execution_id IS NOT NULL"""
)
_DELETE_ANNOTATED = text("DELETE FROM evaluator.annotation_tasks WHERE id = ANY(CAST(:ids AS uuid[]))")
_SAVE_REPORTED = text("INSERT INTO evaluator.reported_erasures (erasure_id) VALUES (:id) ON CONFLICT DO NOTHING")
_IS_REPORTED = text("SELECT EXISTS (SELECT FROM evaluator.reported_erasures WHERE erasure_id = :id)")


class StoredVersion(NamedTuple):
    """A published version with its file of cases."""

    version: int
    digest: str
    content: bytes


class CaseErasureRepository:
    """Erasures, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def add_tombstones(self, keys: Sequence[str], erasure_id: UUID) -> None:
        """Add tombstones of executions. `ErasedSubjects.add` has locked the table before."""
        await self._conn.execute(_ADD, {"keys": list(keys), "id": erasure_id})

    async def list_environments(self, project: str) -> list[str]:
        """Return the environments of a project that the evaluator knows: of datasets, queues and keys."""
        return sorted((await self._conn.execute(_ENVIRONMENTS, {"project": project})).scalars())

    async def list_datasets(self, project: str) -> list[DatasetKey]:
        """Return the datasets of a project, always in one order."""
        rows = await self._conn.execute(_DATASETS, {"project": project})
        return [DatasetKey(project, row.environment, row.name) for row in rows]

    async def list_versions(self, key: DatasetKey) -> list[StoredVersion]:
        """Return the versions of a dataset that have their cases, oldest first."""
        rows = await self._conn.execute(_CONTENTS, _values(key))
        return [StoredVersion(row.version, row.digest, bytes(row.content)) for row in rows]

    async def delete_cases(self, key: DatasetKey, case_ids: Collection[str]) -> int:
        """Delete cases with their pairs of near-duplicates; return their number."""
        values = {**_values(key), "ids": list(case_ids)}
        await self._conn.execute(_DELETE_PAIRS, values)
        return (await self._conn.execute(_DELETE_CASES, values)).rowcount

    async def empty_versions(self, key: DatasetKey, versions: Collection[int], now: datetime) -> int:
        """Erase the cases of published versions. Number, digest and counts stay."""
        values = {**_values(key), "versions": list(versions), "now": now}
        return (await self._conn.execute(_EMPTY_VERSIONS, values)).rowcount

    async def reset_evaluations(self, key: DatasetKey, digests: Collection[str]) -> Mapping[str, int]:
        """Restart running evaluations on these versions; delete answers and reports of all evaluations on them.

        Restarting is first: if another instance completes one meanwhile, its report is deleted afterwards.
        """
        values: dict[str, Any] = {**_values(key), "digests": list(digests)}
        bisections = list((await self._conn.execute(_RESTART_BISECTIONS, values)).scalars())
        await self._conn.execute(_DELETE_PROBES, {"ids": bisections})
        restarted = list((await self._conn.execute(_RESTART, values)).scalars())
        tasks = await self._conn.execute(_DELETE_TASKS, {**values, "restarted": restarted})
        await self._conn.execute(_DELETE_JUDGEMENTS, values)
        reports = await self._conn.execute(_DELETE_REPORTS, values)
        return {"evaluations": len(restarted) + len(bisections), "tasks": tasks.rowcount, "reports": reports.rowcount}

    async def list_annotated(self, project: str) -> list[tuple[UUID, str]]:
        """Return the annotation tasks of a project that show an execution: task, execution."""
        rows = await self._conn.execute(_ANNOTATED, {"project": project})
        return [(row.id, row.execution_id) for row in rows]

    async def delete_annotation_tasks(self, task_ids: Collection[UUID]) -> int:
        """Delete annotation tasks with what people answered; return their number."""
        return (await self._conn.execute(_DELETE_ANNOTATED, {"ids": list(task_ids)})).rowcount

    async def save_reported(self, erasure_id: UUID) -> None:
        """Record that the last part of an erasure was handled."""
        await self._conn.execute(_SAVE_REPORTED, {"id": erasure_id})

    async def is_reported(self, erasure_id: UUID) -> bool:
        """Return whether the last part of an erasure was handled."""
        return bool(await self._conn.scalar(_IS_REPORTED, {"id": erasure_id}))


def _values(key: DatasetKey) -> dict[str, str]:
    return {"project": key.project, "environment": key.environment, "dataset": key.name}
