"""Migrates, makes the keys, and serves everything on one listener until told to end."""

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gatekeeper.bootstrap import first_link
from ratchet_local.aggregate_health import aggregate_app
from ratchet_local.assembly import Installation, assembled, migrate_all
from ratchet_local.backing_services import BackingServices
from ratchet_local.credentials import PERSON, ensure_credentials
from ratchet_local.data_dir import DataDir, shown
from ratchet_local.embedded import EmbeddedBroker
from ratchet_local.gateway import Gateway
from ratchet_local.memory import resume_collection
from ratchet_local.stream_shutdown import StreamShutdown
from shared.runtime.log import configure_logging
from shared.web.connections import ConnectionLimits, guarded, raise_open_files

if TYPE_CHECKING:
    from ratchet_local.demo import Demo


def serve(
    home: DataDir,
    servers: BackingServices,
    broker: EmbeddedBroker,
    listener: socket.socket,
    log: TextIO,
    began: float,
    demo: "Demo | None" = None,
) -> None:
    """Returns when it was told to end and everything in here has; KeyboardInterrupt where it was not up yet."""
    configure_logging("info", log)
    raise_open_files()
    # uvicorn brings a quicker event loop where the platform has one
    with asyncio.Runner(loop_factory=uvicorn.Config("", log_config=None).get_loop_factory()) as runner:
        runner.run(_serve(home, servers, broker, listener, began, demo))


async def _serve(
    home: DataDir,
    servers: BackingServices,
    broker: EmbeddedBroker,
    listener: socket.socket,
    began: float,
    demo: "Demo | None",
) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    owner_url = servers.postgres.dsn().replace("postgresql:", "postgresql+asyncpg:")
    await migrate_all(owner_url)
    credentials = await ensure_credentials(home, owner_url, url)
    place = Installation(servers, broker, home.signing_key.read_text().strip(), credentials["public_key"])
    link = await first_link(owner_url, place.signing_key, PERSON)

    def ready() -> None:
        print(greeting(home, url, link, time.monotonic() - began), flush=True)
        resume_collection()
        if demo is not None:
            demo.begin(credentials, PERSON)

    async with assembled(place) as apps:
        streams = StreamShutdown(Gateway(apps, aggregate_app(apps)))
        server = _Server(
            uvicorn.Config(
                streams,
                http=guarded(HttpToolsProtocol, ConnectionLimits()),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=1,
            ),
            ready,
            streams.end,
        )
        try:
            await server.serve(sockets=[listener])
        finally:
            if demo is not None:
                await asyncio.to_thread(demo.end)


class _Server(uvicorn.Server):
    """Says when it takes requests and when it ends; ends at a signal without raising it once more, unlike uvicorn's."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready, self._ending = ready, ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
        for number in signals:
            loop.remove_signal_handler(number)


def greeting(home: DataDir, url: str, link: str, seconds: float) -> str:
    """What the terminal says when all is up. `link` is the path that lets one person into the console, once."""
    return "\n".join(
        (
            f"ratchet: ready on {url} in {seconds:.1f} s",
            "  console, by a link that works once (.venv/bin/ratchet sign-in: another):",
            f"  {url}{link}",
            f"  API keys: {shown(home.credentials)}, for your eyes only",
            f"  logs: {shown(home.log('ratchet').parent)}",
            "Ctrl-C ends everything.",
        )
    )
