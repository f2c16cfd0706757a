"""The network between services, PostgreSQL and Kafka is disturbed under load (row D9 of docs/reliability.md)."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from deploy.kafka.topics import create_topics
from ratchet_local.ports import free_port
from ratchet_local.routes import SERVICES
from shared.messaging.topics import topics
from tests.support.databases import Databases
from tests.support.eventually import eventually
from tests.support.fleet import Fleet
from tests.support.kafka import ApacheKafka, admin_client_of
from tests.support.load import Load, posts
from tests.support.proxy import Fault, Proxy, proxy_of_port, proxy_of_socket
from tests.support.soak import scaled
from tests.support.summary import count_unprocessed_events, query_rows, verify_counts, wait_until_processed

_RATE = 60
_LASTS_S = scaled(2.0, 60.0)
_FAULTS: tuple[Fault, ...] = ("hold", "delay", "half-open", "reset")
_SENT = "SELECT count(*) FROM collector.outbox_messages WHERE is_sent"
_POSTGRES_SOCKET = ".s.PGSQL.5432"


class Network:
    """Services that reach PostgreSQL and Kafka only through proxies; the tests connect directly."""

    def __init__(self, fleet: Fleet, edges: dict[str, Proxy], load: Load, dsn: str) -> None:
        self.fleet = fleet
        self.edges = edges
        self.load = load
        self.dsn = dsn
        self.healed_after: dict[str, float] = {}

    async def disturb(self, edge: str, fault: Fault) -> None:
        """Disturb one connection for at least `_LASTS_S` and until it had an effect; then wait for progress."""
        proxy = self.edges[edge]
        await eventually(lambda: self.load.in_flight)
        began = time.monotonic()
        proxy.disturb(fault)
        await eventually(lambda: proxy.hits[fault] and time.monotonic() > began + _LASTS_S)
        acknowledged, sent = len(self.load.acknowledged), await self._sent()
        proxy.heal()
        healed = time.monotonic()
        await self.load.wait_for_acknowledged(acknowledged + _RATE, within=120)
        await eventually(lambda: self._sends_again(sent), 120)
        self.healed_after[f"{edge} {fault}"] = round(time.monotonic() - healed, 1)

    async def _sent(self) -> int:
        return int((await query_rows(self.dsn, _SENT))[0][0])

    async def _sends_again(self, before: int) -> bool:
        return await self._sent() > before


@pytest.fixture
async def network(databases: Databases, kafka_jars: Path, tmp_path: Path) -> AsyncIterator[Network]:
    port = free_port()
    kafka = ApacheKafka(tmp_path / "kafka", advertised_port=port)
    await asyncio.to_thread(kafka.start)
    dsn = databases.migrated(*SERVICES)
    real = databases.socket_folder
    sockets = Path(tempfile.mkdtemp(prefix="net-"))  # paths of Unix sockets are limited to 107 bytes
    disturbed_dsn = dsn.replace(quote(str(real)), quote(str(sockets)))
    try:
        async with (
            proxy_of_port(port, kafka.port) as bus,
            proxy_of_socket(sockets / _POSTGRES_SOCKET, real / _POSTGRES_SOCKET) as database,
        ):
            await asyncio.to_thread(create_topics, admin_client_of(kafka), topics(), replication=1)
            fleet = await asyncio.to_thread(Fleet, disturbed_dsn, kafka.bootstrap, tmp_path)
            try:
                await asyncio.to_thread(fleet.start)
                key = fleet.keys["ingest_key"]
                load = Load([fleet.first_instance("collector").url], key, posts(scaled(20_000, 100_000), "net"), _RATE)
                yield Network(fleet, {"PostgreSQL": database, "Kafka": bus}, load, dsn)
            finally:
                await asyncio.to_thread(fleet.stop)
    finally:
        await asyncio.to_thread(kafka.stop)
        databases.drop(dsn)
        shutil.rmtree(sockets, ignore_errors=True)


@pytest.mark.timeout(scaled(1200, 3600))
async def test_disturbed_network_loses_no_event_and_counts_none_twice(network: Network) -> None:
    load, fleet = network.load, network.fleet
    async with asyncio.TaskGroup() as running:
        running.create_task(load.run(within=3000))
        for edge in network.edges:
            for fault in _FAULTS:
                await network.disturb(edge, fault)
        load.stop()
    await wait_until_processed(network.dsn, fleet.kafka, within=120)
    hits = {edge: dict(proxy.hits) for edge, proxy in network.edges.items()}
    print(f"\n{load}\nhit: {hits}\nhealed after (s): {network.healed_after}")
    assert (await verify_counts(network.dsn, load)).clean
    assert await count_unprocessed_events(network.dsn) == 0
    assert all(set(hit) == set(_FAULTS) for hit in hits.values())
