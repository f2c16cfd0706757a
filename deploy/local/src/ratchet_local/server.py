"""Migrates the schemas, creates the keys, and serves all services on one listener until a signal."""

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, TextIO

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gatekeeper.bootstrap import first_link
from ratchet_local.aggregate_health import aggregate_app
from ratchet_local.backing_services import BackingServices
from ratchet_local.data_dir import DataDir, display_path
from ratchet_local.embedded import EmbeddedBroker
from ratchet_local.gateway import Gateway
from ratchet_local.installation import Installation, migrate_all, run_services
from ratchet_local.memory import resume_collection
from ratchet_local.project_keys import PERSON, ensure_credentials, wait_for_copies
from ratchet_local.stream_shutdown import StreamShutdown
from shared.runtime.log import configure_logging
from shared.web.connection_limits import ConnectionLimits, guard_connections, raise_open_files

if TYPE_CHECKING:
    from ratchet_local.demo import DemoRunner

_TICK_S = 1.0


def serve(
    home: DataDir,
    servers: BackingServices,
    broker: EmbeddedBroker,
    listener: socket.socket,
    log: TextIO,
    began: float,
    demo: "DemoRunner | None" = None,
) -> None:
    """Serve until SIGINT or SIGTERM. Raises KeyboardInterrupt if one comes before the server is ready."""
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
    demo: "DemoRunner | None",
) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    owner_url = servers.postgres.dsn().replace("postgresql:", "postgresql+asyncpg:")
    await migrate_all(owner_url)
    credentials = await ensure_credentials(home, owner_url, url)
    signing_key = home.signing_key.read_text().strip()
    installation = Installation(servers, broker, signing_key, credentials["public_key"], credentials["ingest_key"])
    link = await first_link(owner_url, installation.signing_key, PERSON)

    def ready() -> None:
        print(greeting(home, url, link, broker.bootstrap, time.monotonic() - began), flush=True)
        resume_collection()
        if demo is not None:
            demo.start(credentials, PERSON)

    async with run_services(installation) as apps:
        await wait_for_copies([app.state.keys for name, app in apps.items() if name != "console"], credentials)
        streams = StreamShutdown(Gateway(apps, aggregate_app(apps)))
        config = server_config(streams, apps["collector"].state.http_protocol)
        server = QuietServer(config, ready, streams.begin)
        try:
            await server.serve(sockets=[listener])
        finally:
            if demo is not None:
                await asyncio.to_thread(demo.stop)


def server_config(app: ASGIApp, protocol: type[HttpToolsProtocol]) -> uvicorn.Config:
    """Return the settings of the server of `app`. `protocol` may answer requests without it."""
    return uvicorn.Config(
        app,
        http=guard_connections(protocol, ConnectionLimits()),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,
    )


class QuietServer(uvicorn.Server):
    """Calls `ready` and `ending` at start and shutdown; unlike uvicorn's, does not raise the signal again.

    It wakes once a second, not ten times: for the `Date` header; a signal ends it at once.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready, self._ending = ready, ending
        self._signalled = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._signalled.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._signalled.set()

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


def greeting(home: DataDir, url: str, link: str, kafka: str, seconds: float) -> str:
    """Return the text for the terminal when all is ready. `link` is the path of a sign-in link."""
    return "\n".join(
        (
            f"ratchet: ready on {url} in {seconds:.1f} s",
            "  sign in once as admin (later as reviewer: .venv/bin/ratchet sign-in):",
            f"  {url}{link}",
            f"  API keys: {display_path(home.credentials)}; keep them secret",
            f"  Kafka for apps (execution.submitted, feedback.submitted): {kafka}",
            f"  logs: {display_path(home.log('ratchet').parent)}",
            "Press Ctrl-C to stop.",
        )
    )
