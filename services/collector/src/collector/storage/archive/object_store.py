"""Where archived files are stored: a folder here, or a bucket with S3's protocol (`s3_bucket`)."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol


class StoredObject(NamedTuple):
    """A stored file and when it was written."""

    name: str
    modified_at: datetime


class ObjectStore(Protocol):
    """Files by name, such as `executions/project=shop/day=2026-11-01/….parquet`. All methods block.

    Errors of the storage are OSErrors; a missing file is a FileNotFoundError.
    """

    def put(self, name: str, source: Path) -> None:
        """Store a copy of a file, completely or not at all. It is durable when this returns."""

    def fetch(self, name: str, target: Path) -> None:
        """Write a file's content to `target`. Raises FileNotFoundError."""

    def path(self, name: str) -> Path | None:
        """Return where the file can be read on this machine; None if it must be fetched."""

    def delete(self, name: str) -> None:
        """Delete a file; do nothing if there is none."""

    def list_objects(self) -> Iterator[StoredObject]:
        """Yield all files."""


class Folder:
    """Files in a folder of this machine, which is created with the first one."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, source: Path) -> None:
        target = self._root / name
        new = target.with_name(f"{target.name}.new")
        for folder in reversed([*_missing(target.parent)]):
            folder.mkdir(exist_ok=True)
            _flush(folder.parent)
        shutil.copyfile(source, new)
        _flush(new)
        new.replace(target)
        _flush(target.parent)

    def fetch(self, name: str, target: Path) -> None:
        shutil.copyfile(self._root / name, target)

    def path(self, name: str) -> Path | None:
        return self._root / name

    def delete(self, name: str) -> None:
        (self._root / name).unlink(missing_ok=True)

    def list_objects(self) -> Iterator[StoredObject]:
        for found in sorted(self._root.rglob("*")):
            if found.is_file():
                modified_at = datetime.fromtimestamp(found.stat().st_mtime, UTC)
                yield StoredObject(found.relative_to(self._root).as_posix(), modified_at)


def open_store(url: str) -> ObjectStore:
    """Return the storage at `s3://bucket/prefix` or in a folder. Does not connect yet."""
    if url.startswith("s3://"):
        from collector.storage.archive.s3_bucket import Bucket  # its library is loaded only where it is used

        return Bucket(url)
    return Folder(Path(url))


def _missing(folder: Path) -> Iterator[Path]:
    while not folder.exists():
        yield folder
        folder = folder.parent


def _flush(path: Path) -> None:
    """Flush a file, or the entries of a folder, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
