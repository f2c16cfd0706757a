"""The tables declared in code equal those of the migrations."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.storage.tables import histories, measured, metadata, metric_definitions, regressions, streams, uncounted


def differences(conn: Connection) -> list[object]:
    known = {table.name for table in (streams, histories, measured, metric_definitions, regressions, uncounted)}
    options = {
        "include_schemas": True,
        "include_name": lambda name, kind, _: kind != "schema" or name == "analyzer",
        "include_object": lambda thing, name, kind, *_: (name if kind == "table" else thing.table.name) in known,
    }
    return list(compare_metadata(MigrationContext.configure(conn, opts=options), metadata))


async def test_code_and_migrations_agree(engine: AsyncEngine) -> None:
    async with engine.connect() as conn:
        assert await conn.run_sync(differences) == []
