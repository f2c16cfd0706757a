"""Erases a user from archived files: a file with their rows is replaced, completely or not at all, by one without."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from collector.domain.erasure import Counts, Erased
from collector.domain.erasure_status import Erasure
from collector.storage.archive.exporter import file_name
from collector.storage.archive.file_catalog import ArchiveCatalog, ArchivedFile, ProjectDay
from collector.storage.archive.local_files import LocalFiles
from collector.storage.archive.object_store import ObjectStore
from collector.storage.archive.parquet_columns import Kind
from collector.storage.archive.parquet_writer import Incomplete, copy_to_parquet, quote_literal, row_group_size
from collector.storage.archive.statement_workers import Workers

_DEADLINE_S = 300.0
_INFLATED = 4
"""About how much larger the JSON of a file's rows is than the file."""
_COUNTED: dict[Kind, Erased] = {"executions": "archived_executions", "feedback": "archived_feedback"}
_REFERENCES = "SELECT reference FROM collector.erasure_references WHERE erasure_id = $1"
_COUNT = """
INSERT INTO collector.erasure_counts AS c (erasure_id, kind, erased) VALUES ($1, $2, $3)
ON CONFLICT (erasure_id, kind) DO UPDATE SET erased = c.erased + excluded.erased"""
_NOTE = """
INSERT INTO collector.erasure_references (erasure_id, reference)
SELECT $1, * FROM unnest($2::uuid[]) ON CONFLICT DO NOTHING"""


class ArchiveEraser:
    """Rewrites files of the archive. `folder` is for temporary files."""

    def __init__(self, store: ObjectStore, local: LocalFiles, workers: Workers, folder: Path) -> None:
        self._store = store
        self._local = local
        self._workers = workers
        self._folder = folder

    async def erase_file(self, pg: Any, erasure: Erasure, name: str, now: datetime) -> bool:
        """Replace a file by one without the user, if it has rows of theirs; False if the archive is being changed.

        `pg` has an open transaction, which the caller commits. Without the commit the file stays as it was, and the
        new one, which nothing names, is deleted by `ArchiveSweeper`. The old one is deleted some minutes later.
        """
        catalog = ArchiveCatalog(pg)
        if not await catalog.try_lock():
            return False
        file = await catalog.get_file(name)
        if file is None:
            return True
        (path,) = await self._local.fetch_all([name])
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="erasure-", dir=self._folder) as folder:
            theirs = await self._condition(pg, erasure, file, Path(folder))
            erased = await self._rewrite(pg, erasure, file, path, theirs, Path(folder), now)
        await pg.executemany(_COUNT, [(erasure.id, kind, count) for kind, count in erased.items()])
        return True

    async def _condition(self, pg: Any, erasure: Erasure, file: ArchivedFile, folder: Path) -> str:
        """Return the SQL condition of rows to be erased: of feedback, also that about the user's executions."""
        own = f"user_hash = {quote_literal(erasure.subject)}"
        if file.kind == "executions":
            return f"coalesce({own}, false)"
        references: Sequence[UUID] = [row["reference"] for row in await pg.fetch(_REFERENCES, erasure.id)]
        listed = folder / "references.csv"
        await asyncio.to_thread(listed.write_text, "".join(f"{reference}\n" for reference in references))
        about = f"read_csv({quote_literal(str(listed))}, header = false, columns = {{'reference': 'UUID'}})"
        return f"(coalesce({own}, false) OR reference IN (SELECT reference FROM {about}))" if references else own

    async def _rewrite(
        self, pg: Any, erasure: Erasure, file: ArchivedFile, path: Path, theirs: str, folder: Path, now: datetime
    ) -> Counts:
        source = f"read_parquet({quote_literal(str(path))})"
        found = await self._workers.run(f"SELECT reference FROM {source} WHERE {theirs}", within=_DEADLINE_S)
        if not found:
            return {}
        if file.kind == "executions":
            await pg.execute(_NOTE, erasure.id, [UUID(reference) for (reference,) in found])
        kept = file.row_count - len(found)
        if kept:
            await self._save(pg, file, f"SELECT * FROM {source} WHERE NOT coalesce({theirs}, false)", kept, folder)
        await ArchiveCatalog(pg).replace_file(file.name, now)
        return {_COUNTED[file.kind]: len(found), "archive_files": 1}

    async def _save(self, pg: Any, file: ArchivedFile, query: str, kept: int, folder: Path) -> None:
        """Store the rows of a query in place of a file. Raises Incomplete if they are not as many as they should be."""
        parquet = folder / "rows.parquet"
        group = row_group_size(file.row_count, _INFLATED * file.bytes)
        rows = await copy_to_parquet(self._workers, query, parquet, group)
        if rows != kept:
            raise Incomplete(f"{rows} rows instead of {kept}")
        name = file_name(file.kind, ProjectDay(file.project, file.day))
        await asyncio.to_thread(self._store.put, name, parquet)
        new = replace(file, name=name, row_count=rows, bytes=parquet.stat().st_size)
        await ArchiveCatalog(pg).save_file(new)
