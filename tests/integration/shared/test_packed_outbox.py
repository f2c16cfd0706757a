"""The packed outbox on PostgreSQL: rows of former releases are carried over, and SQL and Python read the same."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from shared.events.message import OutgoingMessage
from shared.messaging.packed_messages import Unreadable, pack, unpack
from shared.messaging.relay import Relay
from shared.messaging.sql_outbox import insert_parameters, insert_statement
from shared.messaging.sql_store import SqlStore
from shared.runtime.migrations import _config, migrate
from shared.runtime.prometheus_metrics import Metrics
from shared.runtime.roles import ensure_role
from shared.testing.bus import FakeBus
from tests.support.databases import as_role, psql
from tests.support.messaging import SCHEMA, async_dsn, envelope, feedback, scratch_engine

BEFORE = {"analyzer": "0008", "collector": "0006", "gatekeeper": "0001", "proposer": "0006"}
"""The last revision of each service with one message in a row."""
_OLD_ROW = """INSERT INTO {}.outbox (shard, event_id, topic, key, headers, payload, created_at, sent_at)
              VALUES ($1, $2, $3, $4, $5::jsonb, $6, now() - interval '1 hour', {})"""
_SQL = "SELECT n, event_id, headers, payload FROM scratch.unpack_messages($1, $2)"


def migrate_until(conn: Connection, service: str, revision: str) -> None:
    conn.execute(text(f"CREATE SCHEMA {service}"))
    ensure_role(conn, service)
    config = _config(service)
    config.attributes["connection"] = conn
    command.upgrade(config, revision)


async def old_database(dsn: str, service: str) -> list[tuple[UUID, OutgoingMessage]]:
    """Write messages as the release before did; every second one is sent."""
    engine = create_async_engine(async_dsn(dsn))
    async with engine.begin() as conn:
        await conn.run_sync(migrate_until, service, BEFORE[service])
    await engine.dispose()
    headers = [(), (("ce_id", "é"), ("quoted", 'a "b" \\ c')), (("empty", ""),)]
    found = [
        (uuid4(), OutgoingMessage("loop.halted", f"acme/{number % 3}", bytes([number]) * number, headers[number % 3]))
        for number in range(20)
    ]
    pg = await asyncpg.connect(dsn)
    for number, (event_id, message) in enumerate(found):
        await pg.execute(
            _OLD_ROW.format(service, "NULL" if number % 2 else "now()"),
            number % 4, event_id, message.topic, message.key, json.dumps(message.headers), message.value,
        )  # fmt: skip
    await pg.close()
    return found


@pytest.mark.parametrize("service", BEFORE)
async def test_a_migration_carries_every_message_over_in_its_order(postgres_dsn: str, service: str) -> None:
    written = await old_database(postgres_dsn, service)
    await migrate(service, async_dsn(postgres_dsn))
    engine = create_async_engine(async_dsn(as_role(postgres_dsn, f"ratchet_{service}")))
    store = SqlStore(engine, service)
    pending = [message for row in await store.pending(range(4), 100) for message in row.messages]
    assert pending == [message for _, message in written][1::2]
    async with store.begin() as tx:
        await tx.emit(envelope(feedback()))
        rows = await tx.conn.execute(
            text(f"SELECT event_id, payload, is_sent, created_at < now() FROM {service}.outbox_messages ORDER BY id, n")
        )
        found = [tuple(row) for row in rows]
    assert found[:-1] == [(event_id, message.value, not number % 2, True) for number, (event_id, message)
                          in enumerate(written)]  # fmt: skip
    assert found[-1][2:] == (False, False)
    await engine.dispose()


async def test_a_new_database_has_the_same_outbox_as_a_migrated_one(
    postgres_dsn: str, migrated_dsn: Callable[..., str]
) -> None:
    await (await scratch_engine(postgres_dsn)).dispose()
    columns = """SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns
                 WHERE table_schema = '{0}' AND table_name = 'outbox' ORDER BY ordinal_position"""
    indexes = "SELECT replace(indexdef, '{0}.', '') FROM pg_indexes WHERE schemaname = '{0}' AND tablename = 'outbox'"
    other = migrated_dsn("collector")
    for query in (columns, indexes + " ORDER BY indexname"):
        assert psql(postgres_dsn, query.format(SCHEMA)) == psql(other, query.format("collector"))


async def sql_unpack(pg: Any, ids: bytes, packed: bytes) -> list[bytes] | None:
    try:
        return [row["payload"] for row in await pg.fetch(_SQL, ids, packed)]
    except asyncpg.DataCorruptedError:
        return None


def python_unpack(ids: bytes, packed: bytes) -> list[bytes] | None:
    try:
        return [message.value for message in unpack("t", "k", len(ids), packed)]
    except Unreadable:
        return None


SIZES = st.integers(0, 6).map(lambda size: size.to_bytes(4)) | st.sampled_from([b"\xff\xff\xff\xff", b"\x80\0\0\0"])
PARTS = st.lists(SIZES | st.binary(max_size=6), max_size=10).map(b"".join)
VALUES = st.lists(st.binary(max_size=9), min_size=1, max_size=4)


async def test_sql_and_python_read_the_same_messages_or_none(postgres_dsn: str) -> None:
    await (await scratch_engine(postgres_dsn)).dispose()
    pg = await asyncpg.connect(postgres_dsn)
    loop = asyncio.get_running_loop()

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(VALUES.map(packed) | st.tuples(st.integers(0, 3).map(lambda count: b"i" * 16 * count), PARTS))
    def compare(row: tuple[bytes, bytes]) -> None:
        found = asyncio.run_coroutine_threadsafe(sql_unpack(pg, *row), loop).result()
        # Headers that are no text are refused by Python only, which then sends nothing of the row.
        assert python_unpack(*row) in (found, None)
        assert found is None or b"\xff" in row[1] or len(found) == len(row[0]) // 16

    await asyncio.to_thread(compare)
    await pg.close()


def packed(values: list[bytes]) -> tuple[bytes, bytes]:
    (row,) = pack([(uuid4(), OutgoingMessage("t", "k", value, (("h", "v"),))) for value in values], 4)
    return row.event_ids, row.messages


async def test_an_unreadable_row_waits_while_the_others_leave(postgres_dsn: str) -> None:
    engine = await scratch_engine(postgres_dsn)
    store, bus, metrics = SqlStore(engine, SCHEMA), FakeBus(), Metrics("scratch")
    relay = Relay(store, bus, "one", store.shards, metrics)
    pg = await asyncpg.connect(postgres_dsn)
    shards, topics, keys, ids, packed = insert_parameters([(uuid4(), OutgoingMessage("t", "k", b"v", ()))], 4)
    broken = [shards, topics, keys, ids, [packed[0] + b"\0"]]
    await pg.execute(insert_statement(SCHEMA, ("$1", "$2", "$3", "$4", "$5")), *broken)
    async with store.begin() as tx:
        await tx.emit(envelope(), envelope())
    tokens = await store.lease(store.shards, "one", 60)
    while await relay.pump(tokens):
        pass
    assert sum(map(len, bus.log.values())) == 2
    assert metrics.registry.get_sample_value("ratchet_outbox_set_aside_rows") == 1
    await pg.execute(f"UPDATE {SCHEMA}.outbox SET messages = $1, set_aside_at = NULL WHERE sent_at IS NULL", packed[0])
    while await relay.pump(tokens):
        pass
    assert sum(map(len, bus.log.values())) == 3, "the repaired row is sent as well"
    assert await store.oldest_unsent() is None
    await pg.close()
    await engine.dispose()
