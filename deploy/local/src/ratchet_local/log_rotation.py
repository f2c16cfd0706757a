"""Rotation of the logs by size while everything runs, for the runner's log and those of its servers.

All logs are opened for appending, so that a log can be copied and truncated while it is written.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAX_LOG_BYTES = 20_000_000
"""Size at which a log is rotated; at most the last this many bytes are kept, in one rotated file."""

_EVERY_S = 5.0
_CHUNK = 1_000_000


def rotate(log: Path, limit: int = MAX_LOG_BYTES) -> bool:
    """Move what a log larger than `limit` bytes holds into `….log.1`, and return whether it was that large.

    At most the last `limit` bytes are kept. Lines that are written while it is truncated can get lost. A disk that has
    no space for the copy costs the copy.
    """
    if log.stat().st_size <= limit:
        return False
    aside, new = log.with_suffix(".log.1"), log.with_suffix(".log.new")
    try:
        _copy_end(log, new, limit)
        new.replace(aside)
    except OSError:
        new.unlink(missing_ok=True)
    os.truncate(log, 0)
    return True


def rotate_all(folder: Path, limit: int = MAX_LOG_BYTES) -> None:
    """Rotate every large log of a folder; what fails is tried again at the next call."""
    for log in folder.glob("*.log"):
        try:
            rotate(log, limit)
        except OSError:
            continue


@contextmanager
def rotate_periodically(folder: Path, every: float = _EVERY_S, limit: int = MAX_LOG_BYTES) -> Iterator[None]:
    """Rotate the logs of a folder every `every` seconds, in a thread, until the block ends."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(every):
            rotate_all(folder, limit)

    thread = threading.Thread(target=work, name="log-rotation", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _copy_end(log: Path, to: Path, limit: int) -> None:
    """Copy the last `limit` bytes that a log has now, readable for as many people as the log."""
    with log.open("rb") as source, to.open("wb") as target:
        stat = os.fstat(source.fileno())
        os.fchmod(target.fileno(), stat.st_mode & 0o777)
        source.seek(max(0, stat.st_size - limit))
        left = min(limit, stat.st_size)
        while left and (chunk := source.read(min(_CHUNK, left))):
            target.write(chunk)
            left -= len(chunk)
