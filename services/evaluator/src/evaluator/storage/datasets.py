"""Datasets and their published versions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, and_, func, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.dataset_publication import Publication
from evaluator.domain.datasets import CaseCounts, DatasetKey, DatasetVersion, GoldenDataset
from evaluator.storage.tables import cases, datasets, versions

_VERSION: tuple[Any, ...] = (
    versions.c.project, versions.c.environment, versions.c.dataset, versions.c.version, versions.c.target,
    versions.c.digest, versions.c.cases, versions.c.clusters, versions.c.protected, versions.c.published_at,
    versions.c.published_by, versions.c.erased_at,
)  # fmt: skip
_STATES = ("proposed", "accepted", "rejected")


class VersionFiles(NamedTuple):
    """The file of cases of a version, and its manifest; both are empty if a case of it was erased."""

    content: bytes
    manifest: str
    erased: bool


class DatasetRepository:
    """Datasets and versions, read and written in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def create(self, dataset: GoldenDataset) -> bool:
        """Save a new dataset. Return False, and save nothing, if there is one of this name."""
        key = dataset.key
        row = {
            "project": key.project, "environment": key.environment, "name": key.name, "target": dataset.target,
            "description": dataset.description, "licence": dataset.licence, "created_at": dataset.created_at,
            "created_by": dataset.created_by,
        }  # fmt: skip
        saved = await self._conn.execute(
            upsert(datasets).values(row).on_conflict_do_nothing().returning(datasets.c.name)
        )
        return saved.first() is not None

    async def describe(self, key: DatasetKey, **changed: str) -> None:
        """Change `description` or `licence`."""
        if changed:
            await self._conn.execute(update(datasets).where(_is_dataset(key)).values(changed))

    async def count(self, project: str, environment: str) -> int:
        """Return the number of datasets of an environment."""
        own = datasets.c.project == project, datasets.c.environment == environment
        return int(await self._conn.scalar(select(func.count()).select_from(datasets).where(*own)) or 0)

    async def get(self, key: DatasetKey) -> GoldenDataset | None:
        """Return a dataset; None if there is none of this name."""
        return await self._first(select(datasets).where(_is_dataset(key)))

    async def lock(self, key: DatasetKey) -> GoldenDataset | None:
        """Return a dataset, which no other transaction can lock until this one ends."""
        return await self._first(select(datasets).where(_is_dataset(key)).with_for_update())

    async def list_datasets(
        self, project: str, environment: str, target: str | None, after: str, limit: int
    ) -> list[GoldenDataset]:
        """Return the datasets by name, of one target or of all, that follow the name `after`."""
        own = datasets.c.project == project, datasets.c.environment == environment, datasets.c.name > after
        statement = select(datasets).where(*own).order_by(datasets.c.name).limit(limit)
        if target is not None:
            statement = statement.where(datasets.c.target == target)
        return [_dataset(row) for row in await self._conn.execute(statement)]

    async def count_cases(self, keys: Sequence[DatasetKey]) -> dict[DatasetKey, CaseCounts]:
        """Return the numbers of cases of datasets of one environment."""
        if not keys:
            return {}
        states = [func.count().filter(cases.c.state == state).label(state) for state in _STATES]
        own = (
            cases.c.project == keys[0].project,
            cases.c.environment == keys[0].environment,
            cases.c.dataset.in_([key.name for key in keys]),
        )
        rows = await self._conn.execute(select(cases.c.dataset, *states).where(*own).group_by(cases.c.dataset))
        found = {row.dataset: CaseCounts(row.proposed, row.accepted, row.rejected) for row in rows}
        return {key: found.get(key.name, CaseCounts()) for key in keys}

    async def publish(self, key: DatasetKey, target: str, publication: Publication, at: datetime, by: str) -> None:
        """Save the next version of a locked dataset. Versions are counted from 1."""
        latest = await self._conn.scalar(select(func.max(versions.c.version)).where(_is_version(key)))
        golden_set = publication.golden_set
        row = {
            "project": key.project, "environment": key.environment, "dataset": key.name, "target": target,
            "version": (latest or 0) + 1, "digest": golden_set.digest, "cases": len(golden_set.cases),
            "clusters": len(golden_set.clusters), "protected": sum(case.protected for case in golden_set.cases),
            "content": publication.content, "manifest": publication.manifest, "published_at": at, "published_by": by,
        }  # fmt: skip
        await self._conn.execute(insert(versions).values(row))

    async def list_versions(self, key: DatasetKey, before: int | None, limit: int) -> list[DatasetVersion]:
        """Return the versions below the number `before`, latest first."""
        statement = select(*_VERSION).where(_is_version(key)).order_by(versions.c.version.desc()).limit(limit)
        if before is not None:
            statement = statement.where(versions.c.version < before)
        return [_version(row) for row in await self._conn.execute(statement)]

    async def get_latest(self, keys: Sequence[DatasetKey]) -> dict[DatasetKey, DatasetVersion]:
        """Return the latest version of each of these datasets of one environment that has one."""
        if not keys:
            return {}
        own = (
            versions.c.project == keys[0].project,
            versions.c.environment == keys[0].environment,
            versions.c.dataset.in_([key.name for key in keys]),
        )
        rows = await self._conn.execute(
            select(*_VERSION)
            .where(*own)
            .ext(distinct_on(versions.c.dataset))
            .order_by(versions.c.dataset, versions.c.version.desc())
        )
        return {found.key: found for found in map(_version, rows)}

    async def get_files(self, key: DatasetKey, digest: str) -> VersionFiles | None:
        """Return the files of a version; None if there is no such version."""
        columns = versions.c.content, versions.c.manifest, versions.c.erased_at
        statement = select(*columns).where(_is_version(key), versions.c.digest == digest)
        row = (await self._conn.execute(statement.order_by(versions.c.version.desc()).limit(1))).first()
        return None if row is None else VersionFiles(bytes(row.content), str(row.manifest), row.erased_at is not None)

    async def _first(self, statement: Select[Any]) -> GoldenDataset | None:
        row = (await self._conn.execute(statement)).first()
        return None if row is None else _dataset(row)


def _is_dataset(key: DatasetKey) -> ColumnElement[bool]:
    c = datasets.c
    return and_(c.project == key.project, c.environment == key.environment, c.name == key.name)


def _is_version(key: DatasetKey) -> ColumnElement[bool]:
    c = versions.c
    return and_(c.project == key.project, c.environment == key.environment, c.dataset == key.name)


def _dataset(row: Row[Any]) -> GoldenDataset:
    key = DatasetKey(row.project, row.environment, row.name)
    return GoldenDataset(key, row.target, row.description, row.licence, row.created_at, row.created_by)


def _version(row: Row[Any]) -> DatasetVersion:
    return DatasetVersion(
        DatasetKey(row.project, row.environment, row.dataset), row.version, row.target, row.digest, row.cases,
        row.clusters, row.protected, row.published_at, row.published_by, row.erased_at,
    )  # fmt: skip
