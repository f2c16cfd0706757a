"""Fresh databases on one server, in about 30 ms each; migrated schemas are copied from a template made once."""

import asyncio
import subprocess
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

from ratchet_local.postgres import Postgres
from ratchet_local.programs import program
from shared.runtime.migrations import migrate

T = TypeVar("T")


class Databases:
    """Create and drop databases of `server`."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._numbers = count(1)
        self._templates: dict[tuple[str, ...], str] = {}
        self._lock = threading.Lock()

    @property
    def socket_folder(self) -> Path:
        """Return the folder of the server's Unix socket."""
        return self._server.socket_dir

    def fresh(self, template: str = "template0") -> str:
        """Return the superuser's DSN of a new database."""
        name = f"test_{next(self._numbers)}"
        psql(self._server.dsn(), f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self._server.dsn(name)

    def migrated(self, *services: str) -> str:
        """Return the superuser's DSN of a new database with the current schemas of `services`."""
        with self._lock:
            wanted = tuple(sorted(services))
            if wanted not in self._templates:
                self._templates[wanted] = self._migrated_template(wanted)
        return self.fresh(self._templates[wanted])

    def back_up(self, dsn: str) -> str:
        """Copy a database without connections. Return the DSN of the copy."""
        return self.fresh(_name_of(dsn))

    def restore(self, dsn: str, backup: str) -> None:
        """Replace a database with `backup`, and end all sessions on it."""
        self.drop(dsn)
        psql(self._server.dsn(), f"CREATE DATABASE {_name_of(dsn)} TEMPLATE {_name_of(backup)} STRATEGY file_copy")

    def drop(self, dsn: str) -> None:
        psql(self._server.dsn(), f"DROP DATABASE IF EXISTS {_name_of(dsn)} WITH (FORCE)")

    def _migrated_template(self, services: tuple[str, ...]) -> str:
        name = "template_" + "_".join(services)
        psql(self._server.dsn(), f"CREATE DATABASE {name} TEMPLATE template0")
        dsn = self._server.dsn(name)
        for service in services:
            apart(migrate(service, dsn.replace("postgresql:", "postgresql+asyncpg:")))
        return name


def _name_of(dsn: str) -> str:
    return urlsplit(dsn).path[1:]


def apart(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine in a new thread with its own event loop, so that fixtures do not touch the test's loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def as_role(dsn: str, role: str) -> str:
    """Return the DSN of the same database for another user: `as_role(dsn, "ratchet_collector")`."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}"))


def psql(dsn: str, sql: str) -> str:
    """Run statements and return the output, tuples only. Raises RuntimeError with psql's error message."""
    done = subprocess.run(
        [str(program("psql")), "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", sql, dsn],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return done.stdout.strip()
