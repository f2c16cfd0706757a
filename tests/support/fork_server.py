"""A process that has imported all services and forks one per request: a start takes 0.2 s instead of 2.5 s.

It can also fork `ratchet-local`, which contains all services.

`start` has the signature of `ratchet_local.process.start` and accepts commands of the form `python -m MODULE WORDS…`.
The server exits when its standard input is closed, that is when the process that uses it ends.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import psutil

from ratchet_local.routes import SERVICES
from tests.support.requirements import ROOT
from tests.support.uninstrumented import environment_without_coverage

_REQUEST_BYTES = 1 << 20
StartProcess = Callable[[Sequence[str], Path, Mapping[str, str]], psutil.Process]


def start(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> psutil.Process:
    """Fork a process that runs `command` in a new session; its output is appended to `log`."""
    interpreter, flag, *words = command
    assert (interpreter, flag) == (sys.executable, "-m"), command
    log.parent.mkdir(parents=True, exist_ok=True)
    request = {"words": words, "log": str(log), "env": dict(os.environ if env is None else env)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(str(_address()))
        client.send(json.dumps(request).encode())
        return psutil.Process(int(client.recv(64)))


@cache
def _address() -> Path:
    """Return the socket of this process' fork server; the first call starts the server."""
    folder = tempfile.TemporaryDirectory(prefix="fork-server-")
    address = Path(folder.name) / "socket"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.fork_server", str(address)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment_without_coverage(), cwd=ROOT,
    )  # fmt: skip
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n", "the fork server did not start"

    @atexit.register
    def end() -> None:
        server.kill()
        server.wait()
        folder.cleanup()

    return address


def _serve(address: str) -> None:
    """Fork a process for each request until standard input is closed."""
    for module in (*(f"{service}.app" for service in SERVICES), "ratchet_local.server"):
        importlib.import_module(module)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children need not be waited for
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            _fork(listener)


def _fork(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        request = json.loads(connection.recv(_REQUEST_BYTES))
        pid = os.fork()
        if pid == 0:
            listener.close()
            connection.close()
            _run(request)
        connection.send(str(pid).encode())


def _run(request: dict[str, Any]) -> NoReturn:
    """Run the requested module in this process; never returns."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number, opened in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(opened, number)
    os.environ.clear()
    os.environ.update(request["env"])
    if os.environ.get("PYTHONUNBUFFERED"):
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    module, *words = request["words"]
    sys.argv = [module, *words]
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
