"""`ratchet-local`: all of Ratchet on one machine, on one port.

The command line is argparse's, not typer's: typer imports rich, which would delay the start of the servers.
"""

import argparse
import errno
import logging
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ratchet_local.backing_services import BackingServices, stop_after
from ratchet_local.data_dir import DataDir, DataDirInUse
from ratchet_local.log_rotation import rotate_all, rotate_periodically
from ratchet_local.memory import limit_malloc_arenas, pause_collection
from ratchet_local.process import StartFailed

if TYPE_CHECKING:
    from ratchet_local.demo import DemoRunner
    from ratchet_local.embedded import EmbeddedBroker

_HOST = "127.0.0.1"


class PortUnavailable(Exception):
    """The port can't be used. The message is for the terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM (exit code 0). If it can't start: a one-line message and exit code 2."""
    began = time.monotonic()
    options = _options(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C
    limit_malloc_arenas()
    try:
        home = DataDir(options.data.resolve())
        _run(home, options, began)
    except KeyboardInterrupt:
        pass
    except (DataDirInUse, PortUnavailable, StartFailed) as error:
        print(f"ratchet: {error}", file=sys.stderr)
        return 2
    print("ratchet: all ended", flush=True)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ratchet-local", description="All of Ratchet on this machine, on one port.")
    parser.add_argument("--port", type=int, default=8080, help="port on loopback (default 8080)")
    parser.add_argument("--data", type=Path, default=Path(".ratchet"), help="data directory (default .ratchet)")
    parser.add_argument(
        "--demo",
        choices=("0", "1", "healthy", "canary"),
        default="0",
        help="1: also run a demo bot, whose prompt gets worse; healthy: a bot whose prompt stays good; canary:"
        " a harmful and a good edit are approved and rolled out gradually (default 0)",
    )
    parser.add_argument("--seed", type=int, default=1, help="random seed of the demo")
    return parser.parse_args(arguments)


def _run(home: DataDir, options: argparse.Namespace, began: float) -> None:
    with ExitStack() as stack:
        stack.enter_context(home.lock())
        listener = stack.enter_context(_listener(options.port))
        log = stack.enter_context(home.open_log("ratchet"))
        stack.callback(logging.disable)  # objects that are collected later must not write to the closed log
        rotate_all(home.log("ratchet").parent)
        stack.enter_context(rotate_periodically(home.log("ratchet").parent))
        servers = BackingServices.in_folder(home)
        starting = stack.enter_context(_start_servers(servers))
        # The services' code is imported while the servers start; both take equally long.
        pause_collection()
        from ratchet_local.quick_imports import defer_modules, deferred_models, import_frameworks, without_unused

        defer_modules()
        with without_unused(), deferred_models():
            import_frameworks()
            broker = stack.enter_context(_broker())
            from ratchet_local.server import serve
        demo = _demo(home, options)
        starting.result()
        serve(home, servers, broker.result(), listener, log, began, demo)


def _demo(home: DataDir, options: argparse.Namespace) -> "DemoRunner | None":
    if options.demo == "0":
        return None
    from ratchet_local.demo import DemoRunner

    return DemoRunner(home, healthy=options.demo == "healthy", canary=options.demo == "canary", seed=options.seed)


@contextmanager
def _start_servers(servers: BackingServices) -> Iterator["Future[None]"]:
    """Start the servers in a thread, and stop them after the block."""
    with stop_after(servers), ThreadPoolExecutor(1) as thread:
        yield thread.submit(servers.start)


@contextmanager
def _broker() -> Iterator["Future[EmbeddedBroker]"]:
    """Create the broker in a thread, which takes up to a second, and close it after the block."""
    from ratchet_local.embedded import EmbeddedBroker
    from shared.messaging.topics import topics

    # Each consumer group has one member here, so more partitions would only cost time.
    partitions = {topic.name: topic.partitions for topic in topics(partitions=1)}
    with ThreadPoolExecutor(1) as thread:
        broker = thread.submit(EmbeddedBroker, partitions)
        try:
            yield broker
        finally:
            broker.result().close()


def _listener(port: int) -> socket.socket:
    """Bind the port. Raises PortUnavailable."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
    except OSError as error:
        listener.close()
        why = "is in use" if error.errno == errno.EADDRINUSE else f"can't be used ({error.strerror})"
        raise PortUnavailable(f"port {port} {why}: choose another with --port (make run PORT=…)") from None
    except OverflowError:
        listener.close()
        raise PortUnavailable(f"there is no port {port}") from None
    return listener


if __name__ == "__main__":
    sys.exit(main())
