"""A folder of reports and rollback copies on this machine."""

import os
from pathlib import Path


class ReportFolder:
    """Files below `root`, by names such as `rollback/bot-….json`. The methods block."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, name: str, content: bytes) -> None:
        """Write a file, durable and whole when this returns; it replaces one of this name. Raises OSError."""
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)

    def read(self, name: str) -> bytes | None:
        """Return a file's content; None if it can't be read."""
        try:
            return (self._root / name).read_bytes()
        except OSError:
            return None
