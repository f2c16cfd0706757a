"""Alembic, a service at a time: each has its schema, its role and its own version table."""

import asyncio
from importlib.resources import as_file, files
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.runtime.roles import ensure_role


def _config(service: str) -> Config:
    config = Config()
    with as_file(files(service) / "migrations") as folder:
        config.set_main_option("script_location", str(Path(folder)).replace("%", "%%"))
    return config


def heads(service: str) -> list[str]:
    """The revisions that the service's code was written for."""
    return list(ScriptDirectory.from_config(_config(service)).get_heads())


async def migrate(service: str, database_url: str, role_password: str | None = None) -> None:
    """Brings one service's schema up to date. `database_url` is an owner's; services never run this at start.

    `role_password` becomes the password of the service's role; None leaves it as it is.
    """
    db = create_async_engine(database_url, poolclass=NullPool)
    try:
        async with db.begin() as conn:
            await conn.run_sync(_upgrade, service, role_password)
    finally:
        await db.dispose()


def _upgrade(conn: Connection, service: str, role_password: str | None) -> None:
    # One migration at a time in one database, whoever else starts the same job.
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('ratchet migrations'))"))
    conn.execute(text(f"CREATE SCHEMA IF NOT EXISTS {service}"))
    ensure_role(conn, service)
    if role_password is not None:
        quoted = role_password.replace("'", "''")
        conn.execute(text(f"ALTER ROLE ratchet_{service} PASSWORD '{quoted}'".replace(":", r"\:")))
    config = _config(service)
    config.attributes["connection"] = conn
    command.upgrade(config, "head")


def run_env(schema: str) -> None:
    """The whole body of a service's `migrations/env.py`."""
    context.configure(
        connection=context.config.attributes["connection"],
        version_table_schema=schema,
        include_schemas=True,
    )
    context.run_migrations()


def migrate_now(service: str, database_url: str, role_password: str | None = None) -> None:
    """`migrate`, for command lines."""
    asyncio.run(migrate(service, database_url, role_password))
