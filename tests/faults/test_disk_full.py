"""The volume of PostgreSQL, then that of Kafka, is full for a while (row D15 of docs/reliability.md)."""

import asyncio
import errno
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.kafka.topics import create_topics
from ratchet_local.postgres import Postgres
from ratchet_local.routes import SERVICES
from shared.messaging.topics import topics
from tests.support.databases import Databases
from tests.support.eventually import eventually
from tests.support.fleet import Fleet
from tests.support.kafka import ApacheKafka, admin_client_of
from tests.support.load import Load, posts
from tests.support.requirements import missing
from tests.support.soak import scaled
from tests.support.summary import count_unprocessed_events, verify_counts, wait_until_processed

_SIZE_MB = 320
_RATE = 100
_PIECE = 1 << 20


@contextmanager
def _volume(folder: Path) -> Iterator[Path]:
    """Yield an in-memory file system, which can be filled."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MB}m", "tmpfs", folder], check=False)
    if done.returncode:
        missing("no right to mount a file system (needs root on Linux)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def _full(volume: Path) -> Iterator[None]:
    """Fill the volume completely while the block runs."""
    filler = volume / "filler"
    with filler.open("wb") as file:
        size = _PIECE
        while size >= 1:
            try:
                os.posix_fallocate(file.fileno(), file.tell(), size)
                file.seek(0, os.SEEK_END)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 4
    try:
        yield
    finally:
        filler.unlink()


@dataclass
class Scene:
    fleet: Fleet
    load: Load
    volumes: dict[str, Path]
    servers: dict[str, Callable[[], None]]
    """By server: a function that starts it if the full volume stopped it."""


@pytest.fixture
async def scene(kafka_jars: Path, tmp_path: Path) -> AsyncIterator[Scene]:
    with _volume(tmp_path / "postgres") as postgres_volume, _volume(tmp_path / "kafka") as kafka_volume:
        postgres = Postgres(postgres_volume / "data", tmp_path / "postgres.log")
        kafka = ApacheKafka(kafka_volume / "kafka")
        await asyncio.to_thread(postgres.start)
        await asyncio.to_thread(kafka.start)
        await asyncio.to_thread(create_topics, admin_client_of(kafka), topics(), replication=1)
        dsn = await asyncio.to_thread(Databases(postgres).migrated, *SERVICES)
        fleet = await asyncio.to_thread(Fleet, dsn, kafka.bootstrap, tmp_path)
        try:
            await asyncio.to_thread(fleet.start)
            url, key = fleet.first_instance("collector").url, fleet.keys["ingest_key"]
            load = Load([url], key, posts(scaled(20_000, 100_000), "disk"), _RATE)
            volumes = {"PostgreSQL": postgres_volume, "Kafka": kafka_volume}
            yield Scene(fleet, load, volumes, {"PostgreSQL": postgres.start, "Kafka": lambda: _restart(kafka)})
        finally:
            await asyncio.to_thread(fleet.stop)
            await asyncio.to_thread(kafka.stop)
            await asyncio.to_thread(postgres.stop)


def _restart(kafka: ApacheKafka) -> None:
    kafka.stop()
    kafka.start()


@pytest.mark.timeout(1200)
async def test_full_disk_loses_no_acknowledged_event(scene: Scene) -> None:
    load, fleet = scene.load, scene.fleet
    async with asyncio.TaskGroup() as running:
        running.create_task(load.run(within=1000))
        await load.wait_for_acknowledged(_RATE)
        with _full(scene.volumes["PostgreSQL"]):
            refused = load.failures["503"]
            await eventually(lambda: load.failures["503"] > refused + 10, 180)
        await asyncio.to_thread(scene.servers["PostgreSQL"])
        await load.wait_for_acknowledged(len(load.acknowledged) + _RATE, 120)
        with _full(scene.volumes["Kafka"]):
            await load.wait_for_acknowledged(len(load.acknowledged) + 3 * _RATE, 120)  # ingestion needs no Kafka
        await asyncio.to_thread(scene.servers["Kafka"])
        load.stop()
    await wait_until_processed(fleet.dsn, fleet.kafka, within=300)
    print(f"\n{load}")
    assert (await verify_counts(fleet.dsn, load)).clean
    assert await count_unprocessed_events(fleet.dsn) == 0
