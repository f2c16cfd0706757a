"""Deletes files: those that left the archive, and those of exports that were interrupted."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any

from collector.storage.archive.file_catalog import ArchiveCatalog
from collector.storage.archive.local_files import LocalFiles
from collector.storage.archive.object_store import ObjectStore

GRACE = timedelta(minutes=5)
"""A file that left the archive stays for this time: queries that found it before may still read it."""
ORPHAN_AGE = timedelta(days=1)
"""A file that no transaction has named for so long never will be."""
_CHUNK = 1_000

Begin = Callable[[], AbstractAsyncContextManager[Any]]
"""Opens a transaction on an asyncpg connection."""


class ArchiveSweeper:
    """Deletes what the archive does not need any more. Any number of instances may do it at once."""

    def __init__(self, begin: Begin, store: ObjectStore, local: LocalFiles) -> None:
        self._begin = begin
        self._store = store
        self._local = local

    async def delete_replaced(self, now: datetime) -> int:
        """Delete files that left the archive some minutes ago; return their number."""
        async with self._begin() as pg:
            names = await ArchiveCatalog(pg).list_replaced(now - GRACE)
        for name in names:
            await asyncio.to_thread(self._store.delete, name)
            await self._local.forget(name)
            async with self._begin() as pg:
                await ArchiveCatalog(pg).forget_file(name)
        return len(names)

    async def delete_orphans(self, now: datetime) -> int:
        """Delete old files that the catalog does not name, and old temporary ones; return the number of the former."""
        stored = await asyncio.to_thread(lambda: list(self._store.list_objects()))
        names = [each.name for each in stored if each.modified_at < now - ORPHAN_AGE]
        orphans: list[str] = []
        for first in range(0, len(names), _CHUNK):
            part = names[first : first + _CHUNK]
            async with self._begin() as pg:
                known = await ArchiveCatalog(pg).list_known(part)
            orphans += [name for name in part if name not in known]
        for name in orphans:
            await asyncio.to_thread(self._store.delete, name)
        await self._local.delete_leftovers(now - ORPHAN_AGE)
        return len(orphans)
