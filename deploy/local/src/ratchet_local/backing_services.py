"""PostgreSQL and Valkey of one installation."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from ratchet_local.data_dir import DataDir
from ratchet_local.postgres import Postgres
from ratchet_local.valkey import Valkey


@dataclass(frozen=True, slots=True)
class BackingServices:
    """The servers of one installation."""

    postgres: Postgres
    valkey: Valkey

    @classmethod
    def in_folder(cls, home: DataDir) -> "BackingServices":
        return cls(Postgres(home.postgres, home.log("postgres")), Valkey(home.valkey, home.log("valkey")))

    def start(self) -> None:
        """Start both. Raises StartFailed."""
        with ThreadPoolExecutor(2) as threads:
            for started in [threads.submit(self.postgres.start), threads.submit(self.valkey.start)]:
                started.result()

    def stop(self) -> None:
        """Stop both; PostgreSQL's data is on disk then."""
        self.valkey.stop()
        self.postgres.stop()


@contextmanager
def stop_after(servers: BackingServices) -> Iterator[None]:
    """Stop the servers after the block, even if only one of them started."""
    try:
        yield
    finally:
        servers.stop()
