"""PostgreSQL and Valkey, beside each other."""

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
    def of(cls, home: DataDir) -> "BackingServices":
        return cls(Postgres(home.postgres, home.log("postgres")), Valkey(home.valkey, home.log("valkey")))

    def start(self) -> None:
        """Raises StartFailed where one did not come up."""
        with ThreadPoolExecutor(2) as threads:
            for started in [threads.submit(self.postgres.start), threads.submit(self.valkey.start)]:
                started.result()

    def stop(self) -> None:
        """End both; what is in PostgreSQL is on disk."""
        self.valkey.stop()
        self.postgres.stop()


@contextmanager
def serving(servers: BackingServices) -> Iterator[None]:
    """Ends the servers in any case, also where only one of them came up."""
    try:
        yield
    finally:
        servers.stop()
