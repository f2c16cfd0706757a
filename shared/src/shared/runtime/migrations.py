"""Alembic migrations of one service: each service has its own schema, database role and version table.

Alembic is imported only to migrate: a service that starts on a current schema does not need it.
"""

import asyncio
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.runtime.roles import ensure_role

if TYPE_CHECKING:
    from alembic.config import Config


def _config(service: str) -> "Config":
    from alembic.config import Config

    config = Config()
    with as_file(files(service) / "storage" / "migrations") as folder:
        config.set_main_option("script_location", str(Path(folder)).replace("%", "%%"))
    return config


def heads(service: str) -> list[str]:
    """Return the revision that the service needs, as a list: that of the migration file with the highest number.

    The list is empty if the service has no migration.
    """
    versions = files(service) / "storage" / "migrations" / "versions"
    return sorted(file.name.split("_")[0] for file in versions.iterdir() if file.name.endswith(".py"))[-1:]


async def migrate(service: str, database_url: str, role_password: str | None = None) -> None:
    """Bring one service's schema up to date. `database_url` is the owner's; services never migrate at start.

    `role_password` becomes the password of the service's role; None leaves it unchanged.
    """
    db = create_async_engine(database_url, poolclass=NullPool)
    try:
        async with db.begin() as conn:
            await conn.run_sync(_upgrade, service, role_password)
    finally:
        await db.dispose()


def _upgrade(conn: Connection, service: str, role_password: str | None) -> None:
    from alembic import command

    # One migration at a time in a database, even if several jobs start at once.
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
    """Run the migrations of Alembic's current context: the body of a service's `migrations/env.py`."""
    from alembic import context

    context.configure(
        connection=context.config.attributes["connection"],
        version_table_schema=schema,
        include_schemas=True,
    )
    context.run_migrations()


def migrate_now(service: str, database_url: str, role_password: str | None = None) -> None:
    """Run `migrate` in a new event loop, for command lines."""
    asyncio.run(migrate(service, database_url, role_password))
