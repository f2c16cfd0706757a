"""The migrations create the tables that the code declares, and the service may not alter them."""

from collections.abc import Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from evaluator.storage import annotation_tables, judge_tables, run_tables
from evaluator.storage.tables import SCHEMA, metadata
from tests.support.messaging import async_dsn

assert (
    run_tables.evaluations.metadata
    is annotation_tables.annotations.metadata
    is metadata
    is judge_tables.judges.metadata
)  # imports declare them


def differences(conn: Connection) -> list[object]:
    options = {"include_schemas": True, "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA}
    found = compare_metadata(MigrationContext.configure(conn, opts=options), metadata)
    return [change for change in found if getattr(change[1], "name", None) != "alembic_version"]


async def test_migrated_tables_equal_the_declared_ones(migrated_dsn: Callable[..., str]) -> None:
    engine = create_async_engine(async_dsn(migrated_dsn("evaluator")))
    async with engine.connect() as conn:
        assert await conn.run_sync(differences) == []
    await engine.dispose()


@pytest.mark.parametrize("statement", ["DROP TABLE evaluator.versions", "TRUNCATE evaluator.versions"])
async def test_service_role_owns_nothing(engine: AsyncEngine, statement: str) -> None:
    async with engine.connect() as conn:
        with pytest.raises(ProgrammingError, match=r"must be owner|permission denied"):
            await conn.execute(text(statement))
