"""A PostgreSQL server from a wheel, with its own data folder and a Unix socket."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psutil

from ratchet_local import process
from ratchet_local.programs import public_program
from ratchet_local.socket_folder import make_private, socket_folder

_SUPERUSER = "postgres"

SMALL: Mapping[str, str] = {
    "shared_buffers": "24MB",
    "max_connections": "100",
    "jit": "off",
    "io_method": "sync",  # no I/O worker processes
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_parallel_workers": "0",
    "max_worker_processes": "1",
    "autovacuum_max_workers": "1",
    "max_wal_size": "256MB",
    "log_checkpoints": "off",
}
"""Settings for one machine: little memory, few processes, full durability."""

FORGETFUL: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""Fast settings without durability, for tests only."""


class Postgres:
    """A server with its data in `data`. A server that is still running from an earlier start is used."""

    def __init__(self, data: Path, log: Path, settings: Mapping[str, str] = SMALL) -> None:
        self.data = data.resolve()
        self.log = log
        self._settings = dict(settings)
        self._process: psutil.Process | None = None

    @property
    def socket_dir(self) -> Path:
        """The folder of the socket: next to the data, or a temporary folder if that path is too long."""
        return socket_folder(self.data.with_name("run"))

    def dsn(self, database: str = "postgres", user: str = _SUPERUSER) -> str:
        """Return a `postgresql://` URL for libpq, asyncpg and SQLAlchemy."""
        return f"postgresql://{user}@/{database}?host={quote(os.fsencode(self.socket_dir), safe='/')}"

    def start(self, within: float = 120.0) -> None:
        """Create the data folder if it doesn't exist, start the server, and wait until it accepts connections.

        Raises:
            StartFailed: it did not come up within `within` seconds.
        """
        make_private(self.socket_dir, _server_ids())
        self._initialise()
        self._process = self._running() or self._launch()
        process.wait_until(self._ready, self._process, self.log, within)

    def stop(self) -> None:
        """Shut down: end connections and write everything to disk."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill the server, as in a crash. The next start recovers from the log."""
        running = self._process or self._running()
        family = running.children(recursive=True) if running else []
        self._end(signal.SIGKILL)
        psutil.wait_procs(family, timeout=60)  # they hold the shared memory until they exit

    def _end(self, how: int) -> None:
        running = self._process or self._running()
        if running is not None:
            process.end(running, how)
        self._process = None

    def _running(self) -> psutil.Process | None:
        pid = process.recorded_pid(self.data / "postmaster.pid")
        return process.find(pid, "postgres", str(self.data)) if pid else None

    def _ready(self) -> bool:
        """The postmaster writes its state into the eighth line of its pid file."""
        try:
            lines = (self.data / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return False
        mine = self._process is not None and lines[0] == str(self._process.pid)
        return mine and len(lines) > 7 and lines[7].strip() == "ready"

    def _initialise(self) -> None:
        """Create the data in a temporary folder and rename it when complete."""
        if (self.data / "PG_VERSION").exists():
            return
        self.data.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(new := self.data.with_suffix(".new"), ignore_errors=True)
        new.mkdir(mode=0o700)
        _give_to_server(new)
        done = subprocess.run(
            [*_unprivileged(), str(public_program("initdb")), "-D", str(new), "-U", _SUPERUSER, "--auth=trust",
             "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions", *_sync_option()],
            capture_output=True, text=True, cwd="/", check=False,
        )  # fmt: skip
        if done.returncode:
            raise process.StartFailed(f"PostgreSQL's initdb failed: {done.stderr.strip()}")
        new.rename(self.data)

    def _launch(self) -> psutil.Process:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": _list_item(self.socket_dir),
            "unix_socket_permissions": "0700",
            **self._settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [*_unprivileged(), str(public_program("postgres")), "-D", str(self.data), *options]
        return process.start(command, self.log)


def _sync_option() -> list[str]:
    """Return the option to sync the new data by one system call, which saves 2 s."""
    return ["--sync-method=syncfs"] if sys.platform == "linux" else []


def _server_ids() -> tuple[int, int]:
    """Return the user and group of the server: the current ones, or `nobody` for root, which it refuses."""
    if not process.is_root():
        return os.geteuid(), os.getegid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _list_item(path: Path) -> str:
    """`path` as an item of a list in PostgreSQL's settings, whatever characters it has."""
    quoted = str(path).replace('"', '""')
    return f'"{quoted}"'


def _give_to_server(folder: Path) -> None:
    if process.is_root():
        os.chown(folder, *_server_ids())


def _unprivileged() -> list[str]:
    """Return the command prefix that runs as `nobody` if this is root, with access to private parent folders."""
    if not process.is_root():
        return []
    uid, gid = _server_ids()
    passing = "+dac_override"
    return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups",
            f"--inh-caps={passing}", f"--ambient-caps={passing}"]  # fmt: skip
