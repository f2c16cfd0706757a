"""PostgreSQL: an engine with safe settings, names of constraints, checks of schema version and durability."""

from collections.abc import Sequence

from sqlalchemy import MetaData, event, text
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.runtime.failure_classification import sqlstate_of
from shared.runtime.settings import ServiceSettings

_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


_CONNECTION_STATES = frozenset({"25006", "25P03", "25P04", "57P01", "57P02", "57P03"})
"""SQLSTATE: the server is read-only, closes idle sessions, or is being stopped."""


class SchemaOutdated(Exception):
    """The database's schema has another version than the one this service needs."""


class NotDurable(Exception):
    """The database may lose data that it has acknowledged."""


def metadata_for(schema: str) -> MetaData:
    """Return metadata for one service's schema; constraints are named, so that migrations can change them."""
    return MetaData(schema=schema, naming_convention=_NAMING)


def engine(settings: ServiceSettings) -> AsyncEngine:
    """Return an asyncpg engine. The server ends transactions that hang or idle, so no lock outlives its owner."""
    db = create_async_engine(
        make_url(settings.database_url),
        pool_size=settings.database_pool,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=False,
        pool_use_lifo=settings.embedded_bus,  # so that those that are not needed stay idle, and are closed
        hide_parameters=True,  # errors are logged and must not contain users' text or keys
        connect_args={
            "timeout": 5,
            "command_timeout": 60,
            "server_settings": {
                "application_name": f"ratchet-{settings.service}-{settings.instance}",
                "statement_timeout": "60s",
                "lock_timeout": "20s",
                "idle_in_transaction_session_timeout": "30s",
                "timezone": "UTC",
                "jit": "off",
            },
        },
    )
    event.listen(db.sync_engine, "handle_error", _discard_doubtful)
    return db


def _discard_doubtful(context: ExceptionContext) -> None:
    """Discard all pooled connections if their server no longer accepts writes, so that new ones reach another."""
    if sqlstate_of(context.original_exception) in _CONNECTION_STATES:
        context.is_disconnect = True


async def check_durability(db: AsyncEngine) -> None:
    """Check that commits survive a power failure. Raises NotDurable with a message that says what to do."""
    async with db.connect() as conn:
        for setting in ("fsync", "synchronous_commit"):
            if await conn.scalar(text("SELECT current_setting(:setting)"), {"setting": setting}) == "off":
                raise NotDurable(
                    f"PostgreSQL runs with {setting}=off and may lose acknowledged data: set {setting}=on, "
                    "or RATCHET_ALLOW_DATA_LOSS=true if the data may be lost"
                )


def reader(db: AsyncEngine) -> AsyncEngine:
    """Return an engine for reads on the same connections: each statement is a transaction, without BEGIN and ROLLBACK.

    At READ COMMITTED, which is PostgreSQL's default, each statement has a snapshot of its own in a transaction, too.
    """
    return db.execution_options(isolation_level="AUTOCOMMIT")


async def is_read_only(db: AsyncEngine) -> bool:
    """Return whether the server accepts no writes, as a standby or one with a full disk does."""
    async with db.connect() as conn:
        return bool(await conn.scalar(text("SELECT current_setting('transaction_read_only')::boolean")))


async def check_schema(db: AsyncEngine, schema: str, heads: Sequence[str]) -> None:
    """Check that the schema is at revision `heads`. Raises SchemaOutdated with a message that says what to do."""
    try:
        async with db.connect() as conn:
            rows = await conn.execute(text(f'SELECT version_num FROM "{schema}".alembic_version'))
            found = sorted(row[0] for row in rows)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in {"42P01", "3F000", "42501"}:
            raise
        found = []
    if found != sorted(heads):
        have = ", ".join(found) or "none"
        raise SchemaOutdated(
            f"schema {schema} is at revision {have}, but {', '.join(heads)} is needed: run `python -m {schema} migrate`"
        )
