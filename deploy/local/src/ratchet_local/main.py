"""`ratchet-local`: all of Ratchet on this machine, behind one port."""

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

from ratchet_local.backing_services import BackingServices, serving
from ratchet_local.data_dir import DataDir, DataDirInUse
from ratchet_local.log_rotation import rotate_all, rotating
from ratchet_local.memory import limit_malloc_arenas, pause_collection
from ratchet_local.process import StartFailed

if TYPE_CHECKING:
    from ratchet_local.demo import Demo
    from ratchet_local.embedded import EmbeddedBroker

_HOST = "127.0.0.1"


class PortTaken(Exception):
    """The message is for the terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until Ctrl-C or SIGTERM (exit code 0). What keeps it from starting is one line, exit code 2."""
    began = time.monotonic()
    options = _options(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    limit_malloc_arenas()
    try:
        home = DataDir(options.data.resolve())
        _run(home, options, began)
    except KeyboardInterrupt:
        pass
    except (DataDirInUse, PortTaken, StartFailed) as error:
        print(f"ratchet: {error}", file=sys.stderr)
        return 2
    print("ratchet: all ended", flush=True)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ratchet-local", description="All of Ratchet on this machine, on one port.")
    parser.add_argument("--port", type=int, default=8080, help="on loopback (default 8080)")
    parser.add_argument("--data", type=Path, default=Path(".ratchet"), help="folder of all data (default .ratchet)")
    parser.add_argument(
        "--demo",
        choices=("0", "1", "healthy"),
        default="0",
        help="1: beside it a bot that people use; healthy: whose prompt nobody edits for the worse (default 0)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the demo's people")
    return parser.parse_args(arguments)


def _run(home: DataDir, options: argparse.Namespace, began: float) -> None:
    with ExitStack() as stack:
        stack.enter_context(home.lock())
        listener = stack.enter_context(_listener(options.port))
        log = stack.enter_context(home.open_log("ratchet"))
        stack.callback(logging.disable)  # what is collected later, such as an interrupted task, finds the log closed
        rotate_all(home.log("ratchet").parent)
        stack.enter_context(rotating(home.log("ratchet").parent))
        servers = BackingServices.of(home)
        starting = stack.enter_context(_started(servers))
        # While the servers start: reading the services' code takes as long.
        pause_collection()
        from ratchet_local.quick_imports import import_frameworks, without_tools

        with without_tools():
            import_frameworks()
            broker = stack.enter_context(_broker())
            from ratchet_local.server import serve
        demo = _demo(home, options)
        starting.result()
        serve(home, servers, broker.result(), listener, log, began, demo)


def _demo(home: DataDir, options: argparse.Namespace) -> "Demo | None":
    if options.demo == "0":
        return None
    from ratchet_local.demo import Demo

    return Demo(home, healthy=options.demo == "healthy", seed=options.seed)


@contextmanager
def _started(servers: BackingServices) -> Iterator["Future[None]"]:
    """Starts the servers in a thread; ends them after that thread, whatever came in between."""
    with serving(servers), ThreadPoolExecutor(1) as thread:
        yield thread.submit(servers.start)


@contextmanager
def _broker() -> Iterator["Future[EmbeddedBroker]"]:
    """Make the broker in a thread, for its topics take up to a second of waiting; end it after the block."""
    from ratchet_local.embedded import EmbeddedBroker
    from shared.messaging.topics import topics

    # A group has a single reader: more partitions would only make each of its requests longer.
    partitions = {topic.name: topic.partitions for topic in topics(partitions=1)}
    with ThreadPoolExecutor(1) as thread:
        making = thread.submit(EmbeddedBroker, partitions)
        try:
            yield making
        finally:
            making.result().close()


def _listener(port: int) -> socket.socket:
    """The port, ours from now on. Raises PortTaken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
    except OSError as error:
        listener.close()
        why = "is in use" if error.errno == errno.EADDRINUSE else f"can't be had ({error.strerror})"
        raise PortTaken(f"port {port} {why}: choose another one with --port (make run PORT=…)") from None
    except OverflowError:
        listener.close()
        raise PortTaken(f"there is no port {port}") from None
    return listener


if __name__ == "__main__":
    sys.exit(main())
