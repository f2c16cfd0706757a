"""A database with an execution log of any size, loaded by COPY; kept in a folder, so that it can be used again."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.execution_rows import DAYS, EXECUTION_COLUMNS, FEEDBACK_COLUMNS, executions, feedback_of, midnight
from ratchet_local.postgres import SMALL, Postgres
from shared.runtime.migrations import migrate
from tests.support.databases import psql

SETTINGS = {
    **SMALL,
    "shared_buffers": "256MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "fsync": "off",  # loading is not what is measured
}
_CHUNK = 20_000
_ORIGINALS = 200_000


def open_log(folder: Path, count: int) -> Postgres:
    """Return a running server whose log has `count` executions of the 30 days before today; loads them once."""
    postgres = Postgres(folder / "postgres", folder / "postgres.log", SETTINGS)
    postgres.start()
    url = postgres.dsn().replace("postgresql:", "postgresql+asyncpg:")
    asyncio.run(migrate("collector", url))
    if psql(postgres.dsn(), "SELECT count(*) FROM (SELECT FROM collector.execution_log LIMIT 1) AS any_row") == "0":
        asyncio.run(_load(postgres.dsn(), count, midnight(datetime.now(UTC))))
    return postgres


async def _load(dsn: str, count: int, end: datetime) -> None:
    """Load `count` rows: some by COPY, and the rest as copies of them with other keys and times, made by PostgreSQL."""
    conn = await asyncpg.connect(dsn)
    copies = max(1, count // _ORIGINALS)
    try:
        for table in _KEYS:
            await conn.execute(f"ALTER TABLE collector.{table} SET (autovacuum_enabled = false)")
        indexes = await _drop_indexes(conn)
        rows = executions(count // copies, end)
        while chunk := await asyncio.to_thread(_chunk, rows):
            await _copy(conn, "execution_log", EXECUTION_COLUMNS, chunk)
            await _copy(conn, "feedback_log", FEEDBACK_COLUMNS, list(feedback_of(iter(chunk), chunk[0][5].toordinal())))
        step = timedelta(days=DAYS) / count
        for table in _KEYS:
            await conn.execute(f"CREATE UNLOGGED TABLE collector.original AS TABLE collector.{table}")
            for number in range(1, copies):
                await conn.execute(_COPY[table], str(number), number * step)
                print(f"{table}: {number + 1} of {copies}", flush=True)
            await conn.execute("DROP TABLE collector.original")
        for statement in indexes:
            print(statement[:90], flush=True)
            await conn.execute(statement)
        for table in _KEYS:
            await conn.execute(f"ALTER TABLE collector.{table} RESET (autovacuum_enabled)")
            await conn.execute(f"VACUUM (FREEZE, ANALYZE) collector.{table}")
        await conn.execute(_VERSIONS)
    finally:
        await conn.close()


_KEYS: Mapping[str, str] = {"execution_log": "reference", "feedback_log": "reference, feedback_id"}
_COPY = {
    "execution_log": f"""INSERT INTO collector.execution_log ({", ".join(EXECUTION_COLUMNS)})
        SELECT md5(reference || $1)::uuid, project, environment, target, trace_id || '-' || $1, occurred_at + $2,
               received_at + $2, versions, model, arm, outcome, user_hash, session || '-' || $1, input_tokens,
               output_tokens, cost, latency_ms, scores, body FROM collector.original""",
    "feedback_log": f"""INSERT INTO collector.feedback_log ({", ".join(FEEDBACK_COLUMNS)})
        SELECT md5(reference || $1)::uuid, md5(feedback_id || $1)::uuid, project, environment, target,
               executed_at + $2, kind, source, key_scope, metric, value, user_hash, occurred_at + $2,
               received_at + $2 FROM collector.original""",
}
_VERSIONS = """
INSERT INTO collector.logged_versions
SELECT project, environment, target, version, min(occurred_at), max(occurred_at), max(received_at)
FROM collector.execution_log, unnest(versions) AS version GROUP BY 1, 2, 3, 4"""


def _chunk(rows: Iterator[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return list(islice(rows, _CHUNK))


async def _copy(conn: Any, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    await conn.copy_records_to_table(table, schema_name="collector", columns=columns, records=rows)


async def _drop_indexes(conn: Any) -> list[str]:
    """Drop all indexes, those of primary keys, too; return the statements that create them."""
    found = await conn.fetch(
        """SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'collector'
           AND tablename IN ('execution_log', 'feedback_log') AND indexname NOT LIKE 'pk_%'"""
    )
    for row in found:
        await conn.execute(f"DROP INDEX collector.{row['indexname']}")
    for table in _KEYS:
        await conn.execute(f"ALTER TABLE collector.{table} DROP CONSTRAINT pk_{table}")
    keys = [f"ALTER TABLE collector.{table} ADD CONSTRAINT pk_{table} PRIMARY KEY ({_KEYS[table]})" for table in _KEYS]
    return [*keys, *(row["indexdef"] for row in found)]
