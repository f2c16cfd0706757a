"""The production setup for benchmarks: a process per service, durable PostgreSQL, Apache Kafka, Valkey."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.cpu import CpuMeter, family
from deploy.kafka.topics import create_topics
from ratchet_local.ports import free_port
from ratchet_local.postgres import SMALL, Postgres
from ratchet_local.process import recorded_pid
from ratchet_local.valkey import Valkey
from shared.messaging.topics import topics
from tests.support.databases import Databases
from tests.support.fleet import Fleet
from tests.support.kafka import ApacheKafka, admin_client_of, fetch_jars

SETTINGS = {**SMALL, "shared_buffers": "128MB", "max_wal_size": "1GB", "track_commit_timestamp": "on"}
"""Every commit is flushed to disk before it is acknowledged; the time of each is stored."""


@dataclass(frozen=True, slots=True)
class Production:
    """A running system. `dsn`: that of the database's owner."""

    fleet: Fleet
    dsn: str
    postgres: Postgres

    def services_meter(self, names: Sequence[str]) -> CpuMeter:
        """Return a meter of the processor time of these services."""
        pids = [_pid(instance.port) for name in names for instance in self.fleet.instances_of(name)]
        return CpuMeter(lambda: [member for pid in pids for member in family(psutil.Process(pid))])

    def postgres_meter(self) -> CpuMeter:
        """Return a meter of the processor time of PostgreSQL."""
        pid = recorded_pid(self.postgres.data / "postmaster.pid")
        assert pid is not None
        return CpuMeter.of_family(pid)


@contextlib.contextmanager
def production(services: Sequence[str]) -> Iterator[Production]:
    """Start one instance of each service; stop everything after the block."""
    with tempfile.TemporaryDirectory(prefix="ratchet-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        fetch_jars()
        kafka = ApacheKafka(folder / "kafka")
        postgres = Postgres(folder / "postgres", folder / "postgres.log", SETTINGS)
        valkey = Valkey(folder / "valkey", folder / "valkey.log", free_port())
        for server in (kafka, postgres, valkey):
            stack.callback(server.stop)
            server.start()
        create_topics(admin_client_of(kafka), topics(), 1)
        dsn = Databases(postgres).migrated(*services)
        fleet = Fleet(dsn, kafka.bootstrap, folder, {"RATCHET_REDIS_URL": valkey.url})
        stack.callback(fleet.stop)
        fleet.start(services)
        yield Production(fleet, dsn, postgres)


def _pid(port: int) -> int:
    """Return the process that listens on a port of this machine."""
    found = (c.pid for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr and c.laddr.port == port)
    return next(pid for pid in found if pid is not None)
