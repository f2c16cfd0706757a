"""Folders for Unix sockets: short enough in their path, and closed to others."""

import contextlib
import hashlib
import os
import stat
import tempfile
from pathlib import Path

from ratchet_local import process

_MAX_BYTES = 85
"""A socket's path may have 107 bytes on Linux and 103 on macOS; PostgreSQL appends "/.s.PGSQL.5432"."""


def socket_folder(preferred: Path) -> Path:
    """Return `preferred`, or a temporary folder if its path can't be used for a socket.

    It may be too long, or have a comma, which separates the hosts of a database address.
    """
    if len(os.fsencode(preferred)) <= _MAX_BYTES and "," not in str(preferred):
        return preferred
    name = hashlib.sha256(os.fsencode(preferred)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"ratchet-{os.geteuid()}-{name}"


def make_private(folder: Path, owner: tuple[int, int]) -> None:
    """Make `folder` for the user and group `owner` alone; it may be there already.

    Others may write to its parent: a link or a folder of theirs under this name is refused, and not followed.

    Raises StartFailed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise process.StartFailed(f"{folder} can't be a socket's folder: remove it ({error.strerror})") from None
    try:
        found = os.fstat(opened)
        if found.st_uid not in (os.geteuid(), owner[0]) or stat.S_IMODE(found.st_mode) & 0o077:
            raise process.StartFailed(f"{folder} belongs to another user or is accessible to others: remove it")
        if process.is_root():
            os.fchown(opened, *owner)
    finally:
        os.close(opened)
