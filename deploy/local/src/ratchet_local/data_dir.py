"""The data directory of one installation."""

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO


class DataDirInUse(Exception):
    """Another process uses this directory. The message is for the terminal."""


def display_path(path: Path) -> Path:
    """Return a path relative to the working directory if it is below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


@dataclass(frozen=True, slots=True)
class DataDir:
    """Paths in `folder`, usually `.ratchet`."""

    folder: Path

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def valkey(self) -> Path:
        return self.folder / "valkey"

    @property
    def credentials(self) -> Path:
        return self.folder / "credentials.json"

    @property
    def signing_key(self) -> Path:
        return self.folder / "secrets" / "signing.key"

    def log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def open_log(self, name: str) -> TextIO:
        """Open a log for appending, line-buffered."""
        path = self.log(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a", buffering=1)

    def lock(self) -> TextIO:
        """Lock the directory until the returned file is closed or the process ends.

        Raises:
            DataDirInUse: another process holds the lock.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (self.folder / "lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            file.close()
            raise DataDirInUse(f"{self.folder} is in use by another ratchet-local (pid {owner})") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        return file

    def read_credentials(self) -> dict[str, str]:
        """Return the stored credentials; empty at the first start."""
        try:
            kept: dict[str, str] = json.loads(self.credentials.read_text())
        except FileNotFoundError:
            return {}
        return kept

    def write_credentials(self, credentials: dict[str, str]) -> None:
        """Replace the credentials file atomically, readable by its owner only."""
        new = self.credentials.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(json.dumps(credentials, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.credentials)
