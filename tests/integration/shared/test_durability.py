"""Services reject a database that may lose committed data."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from ratchet_local.postgres import Postgres
from shared.runtime.database import NotDurable, check_durability
from tests.support.databases import as_role, psql
from tests.support.messaging import async_dsn
from tests.support.uninstrumented import environment_without_coverage


def start(dsn: str, allowed: str) -> subprocess.CompletedProcess[str]:
    """Start the collector on `dsn` with an invalid port, so that it exits in any case."""
    environment = environment_without_coverage(
        RATCHET_DATABASE_URL=as_role(dsn, "ratchet_collector"), RATCHET_KAFKA_BOOTSTRAP="127.0.0.1:1",
        RATCHET_HOST="203.0.113.1", RATCHET_ALLOW_DATA_LOSS=allowed,
    )  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "collector"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_service_does_not_start_with_a_non_durable_database(migrated_dsn: Callable[..., str]) -> None:
    dsn = migrated_dsn("collector")
    refused = start(dsn, "false")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "collector: PostgreSQL runs with fsync=off" in refused.stderr
    assert "fsync" not in start(dsn, "true").stderr


async def test_each_unsafe_setting_is_named(durable_postgres: Postgres) -> None:
    dsn = durable_postgres.dsn()
    db = create_async_engine(async_dsn(dsn))
    await check_durability(db)
    await db.dispose()
    psql(dsn, "ALTER DATABASE postgres SET synchronous_commit = off")
    with pytest.raises(NotDurable, match="synchronous_commit=off"):
        await check_durability(db)
    await db.dispose()
