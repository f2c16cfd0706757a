"""The production setup for end-to-end tests: processes, Apache Kafka, PostgreSQL, and Redis or a broken substitute."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ratchet_local.ports import free_port
from ratchet_local.routes import SERVICES
from tests.support.databases import Databases
from tests.support.fleet import Fleet
from tests.support.full_loop import Site, StartSite
from tests.support.gateway import gateway


@pytest.fixture
def silent_redis() -> Iterator[str]:
    """The URL of a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


@pytest.fixture
def dead_redis() -> str:
    """A URL without a server."""
    return f"redis://127.0.0.1:{free_port()}/0"


@pytest.fixture
def start_site(databases: Databases, kafka_bootstrap: str, tmp_path: Path) -> Iterator[StartSite]:
    """Return a function that starts all services as processes behind one URL, with additional settings."""
    with contextlib.ExitStack() as stack:

        def start(**environment: str) -> Site:
            dsn = databases.migrated(*SERVICES)
            stack.callback(databases.drop, dsn)
            fleet = Fleet(dsn, kafka_bootstrap, tmp_path, environment)
            stack.callback(fleet.stop)
            fleet.start()
            url = stack.enter_context(gateway({service: fleet.first_instance(service).url for service in SERVICES}))
            return Site(url=url, public_key=fleet.public_key, **fleet.keys)

        yield start
