"""Archived files on this machine: the files of a folder, or copies of those in a bucket."""

import asyncio
import hashlib
import shutil
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from collector.storage.archive.object_store import ObjectStore

_COPIES = "copies"


class LocalFiles:
    """Fetches files for DuckDB. Copies take at most `max_bytes` in `folder`; those unused for longest are deleted."""

    def __init__(self, store: ObjectStore, folder: Path, max_bytes: int) -> None:
        self._store = store
        self._work = folder
        self._folder = folder / _COPIES
        self._max_bytes = max_bytes
        self._lock = asyncio.Lock()

    async def fetch_all(self, names: Sequence[str]) -> list[Path]:
        """Return the path of each file, fetching those that are not here. Raises OSError."""
        async with self._lock:
            return await asyncio.to_thread(self._fetch_all, names)

    async def forget(self, name: str) -> None:
        """Delete the copy of a file."""
        async with self._lock:
            await asyncio.to_thread(self._copy(name).unlink, True)

    async def keep_only(self, names: Collection[str]) -> None:
        """Delete the copies of other files, which another instance may have deleted."""
        kept = {self._copy(name) for name in names}
        async with self._lock:
            await asyncio.to_thread(self._delete_others, kept)

    def _delete_others(self, kept: Collection[Path]) -> None:
        for path in self._folder.glob("*.parquet"):
            if path not in kept:
                path.unlink(missing_ok=True)

    async def delete_leftovers(self, before: datetime) -> None:
        """Delete temporary folders of processes that were killed before a time."""
        await asyncio.to_thread(self._delete_leftovers, before.timestamp())

    def _delete_leftovers(self, before: float) -> None:
        for path in self._work.glob("*-*"):
            if path.is_dir() and path.stat().st_mtime < before:
                shutil.rmtree(path, ignore_errors=True)

    def _fetch_all(self, names: Sequence[str]) -> list[Path]:
        found = [self._store.path(name) or self._fetched(name) for name in names]
        for path in found:
            path.stat()  # raises FileNotFoundError
        self._evict(frozenset(found))
        return found

    def _fetched(self, name: str) -> Path:
        copy = self._copy(name)
        if copy.exists():
            copy.touch()
            return copy
        self._folder.mkdir(parents=True, exist_ok=True)
        new = copy.with_suffix(".new")
        self._store.fetch(name, new)
        new.replace(copy)
        return copy

    def _evict(self, used: frozenset[Path]) -> None:
        if not self._folder.exists():
            return
        copies = sorted((path for path in self._folder.iterdir()), key=lambda path: path.stat().st_mtime)
        total = sum(path.stat().st_size for path in copies)
        for path in copies:
            if total <= self._max_bytes:
                return
            if path not in used:
                total -= path.stat().st_size
                path.unlink(missing_ok=True)

    def _copy(self, name: str) -> Path:
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()}.parquet"
