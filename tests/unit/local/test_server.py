"""The server of the local runner, without a socket."""

import asyncio
import signal
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ratchet_local.server import QuietServer, server_config
from shared.web.connection_limits import GuardedProtocol


async def _app(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("nothing is requested")


def quiet_server() -> QuietServer:
    return QuietServer(uvicorn.Config(_app, log_config=None), lambda: None, lambda: None)


async def test_a_signal_ends_the_loop_before_its_next_tick() -> None:
    server, ticks = quiet_server(), 0
    original = server.on_tick

    async def counted(counter: int) -> bool:
        nonlocal ticks
        ticks += 1
        return await original(counter)

    server.on_tick = counted  # type: ignore[method-assign]
    running = asyncio.create_task(server.main_loop())
    await asyncio.sleep(0)
    assert [name for name, _ in server.server_state.default_headers if name == b"date"]
    server.handle_exit(signal.SIGTERM, None)
    await running
    assert ticks == 2, "once at the start, and once to see the signal"


async def test_a_signal_before_the_loop_is_not_lost() -> None:
    server = quiet_server()
    server.handle_exit(signal.SIGTERM, None)
    await server.main_loop()


class _Answering(HttpToolsProtocol):
    """Stands for the collector's protocol."""


def test_the_collectors_protocol_answers_behind_the_guard_of_connections() -> None:
    config = server_config(_app, _Answering)
    config.load()
    kind = config.http_protocol_class
    assert issubclass(kind, GuardedProtocol)
    assert kind.__mro__.index(GuardedProtocol) < kind.__mro__.index(_Answering)
