"""A temporary folder in memory, for servers whose data need not survive: making and dropping databases is file work."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")
NEEDED_BYTES = 4_000_000_000
"""Free memory from which on it is used; the PostgreSQL of a test process takes up to 500 MB."""
_NAME = re.compile(r"ratchet-tests-(\d+)-\w+")


@contextmanager
def memory_folder(memory: Path = MEMORY, needed: int = NEEDED_BYTES) -> Iterator[Path | None]:
    """Create a folder in `memory` and remove it at the end; None if there are not `needed` bytes free in it.

    Folders of test processes that were killed are removed first.
    """
    if not (memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= needed):
        yield None
        return
    _remove_abandoned(memory)
    folder = Path(tempfile.mkdtemp(prefix=f"ratchet-tests-{os.getpid()}-", dir=memory))
    folder.chmod(0o755)  # PostgreSQL has a user of its own where the tests are root
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(memory: Path) -> None:
    for folder in memory.iterdir():
        found = _NAME.fullmatch(folder.name)
        if found and not psutil.pid_exists(int(found[1])):
            shutil.rmtree(folder, ignore_errors=True)
