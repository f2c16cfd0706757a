"""All services, PostgreSQL, Valkey and the broker of `make run`; the services run in a thread of this process."""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ratchet_local.aggregate_health import aggregate_app
from ratchet_local.backing_services import BackingServices, stop_after
from ratchet_local.data_dir import DataDir
from ratchet_local.embedded import EmbeddedBroker
from ratchet_local.gateway import Gateway
from ratchet_local.installation import Installation, migrate_all, run_services
from ratchet_local.project_keys import ensure_credentials
from shared.messaging.topics import topics
from shared.runtime.log import configure_logging
from shared.web.connection_limits import ConnectionLimits, guard_connections
from tests.support.full_loop import Site
from tests.support.migrated_data import make_migrated


@dataclass(frozen=True, slots=True)
class InProcessSystem:
    """`site` as its users see it, the superuser's DSN of its database, and where else something is stored."""

    site: Site
    dsn: str
    redis_url: str
    archive: Path


@contextlib.contextmanager
def in_process_system(folder: Path) -> Iterator[InProcessSystem]:
    """Start everything with its data in the new `folder`; stop it after the block."""
    home = DataDir(make_migrated(folder))
    servers = BackingServices.in_folder(home)
    with stop_after(servers), home.open_log("ratchet") as log, logging_to(log), socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        servers.start()
        broker = EmbeddedBroker({topic.name: topic.partitions for topic in topics(partitions=1)})
        ready: Future[tuple[uvicorn.Server, dict[str, str]]] = Future()
        thread = threading.Thread(target=lambda: asyncio.run(_serve(home, servers, broker, listener, ready)))
        thread.start()
        server, credentials = ready.result(180)
        try:
            archive = servers.postgres.data.with_name("archive")
            yield InProcessSystem(Site(**credentials), servers.postgres.dsn(), servers.valkey.url, archive)
        finally:
            server.should_exit = True
            thread.join()
            broker.close()


@contextlib.contextmanager
def logging_to(stream: TextIO) -> Iterator[None]:
    """Log to `stream` as a service does; afterwards as before: the next test in this process counts log records."""
    root = logging.getLogger()
    handlers, level, structured = root.handlers[:], root.level, structlog.get_config()
    configure_logging("info", stream)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**structured)


async def _serve(
    home: DataDir,
    servers: BackingServices,
    broker: EmbeddedBroker,
    listener: socket.socket,
    ready: "Future[tuple[uvicorn.Server, dict[str, str]]]",
) -> None:
    try:
        owner_url = servers.postgres.dsn().replace("postgresql:", "postgresql+asyncpg:")
        await migrate_all(owner_url)
        credentials = await ensure_credentials(home, owner_url, f"http://127.0.0.1:{listener.getsockname()[1]}")
        installation = Installation(servers, broker, home.signing_key.read_text().strip(), credentials["public_key"])
        async with run_services(installation) as apps:
            protocol = guard_connections(HttpToolsProtocol, ConnectionLimits())
            app = Gateway(apps, aggregate_app(apps))
            config = uvicorn.Config(
                app, http=protocol, ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=1
            )
            server = uvicorn.Server(config)
            ready.set_result((server, credentials))  # the listener queues connections until then
            await server.serve(sockets=[listener])
    except BaseException as error:
        if not ready.done():
            ready.set_exception(error)
        raise
