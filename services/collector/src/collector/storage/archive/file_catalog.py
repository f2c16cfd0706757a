"""The list of archived files, as a table. Statements run on asyncpg, in the caller's transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from collector.storage.archive.parquet_columns import TABLES, Kind

_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('collector.archive'))"
_SAVE = """
INSERT INTO collector.archived_files (name, kind, project, day, columns, row_count, bytes, first_at, last_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
_REPLACE = "UPDATE collector.archived_files SET replaced_at = $2 WHERE name = $1 AND replaced_at IS NULL"
_FILES = "SELECT * FROM collector.archived_files WHERE replaced_at IS NULL AND project = $1 ORDER BY last_at DESC, name"
_FILE = "SELECT * FROM collector.archived_files WHERE name = $1 AND replaced_at IS NULL"
_NAMES = "SELECT name FROM collector.archived_files"
_LEFT = "SELECT count(*) FROM collector.archived_files WHERE project = $1 AND replaced_at IS NOT NULL"
_REPLACED = "SELECT name FROM collector.archived_files WHERE replaced_at < $1 ORDER BY replaced_at LIMIT 100"
_FORGET = "DELETE FROM collector.archived_files WHERE name = $1"
_KNOWN = "SELECT name FROM collector.archived_files WHERE name = ANY($1::text[])"
_EXPIRE = """
UPDATE collector.archived_files SET replaced_at = $1 WHERE replaced_at IS NULL AND day < $2"""
_NEXT_DAY = """
SELECT project, (received_at AT TIME ZONE 'UTC')::date AS day FROM collector.{table} AS t
WHERE received_at < LEAST(now(), $1::timestamptz) AND NOT EXISTS (
  SELECT FROM collector.restored_days AS r WHERE r.project = t.project
  AND r.day = (t.received_at AT TIME ZONE 'UTC')::date AND r.kept_until > $2)
ORDER BY received_at LIMIT 1"""
_KEEP_DAY = """
INSERT INTO collector.restored_days (project, day, kept_until) VALUES ($1, $2, $3)
ON CONFLICT (project, day) DO UPDATE SET kept_until = excluded.kept_until"""
_FORGET_DAYS = "DELETE FROM collector.restored_days WHERE kept_until <= $1"


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file of rows that were received on one day (UTC).

    `first_at` and `last_at`: the earliest and the latest time of the executions in it, or of those that the feedback is
    about.
    """

    name: str
    kind: Kind
    project: str
    day: date
    columns: tuple[str, ...]
    row_count: int
    bytes: int
    first_at: datetime
    last_at: datetime


class ProjectDay(NamedTuple):
    """A day in UTC on which rows of a project were received."""

    project: str
    day: date


class ArchiveCatalog:
    """The files of the archive, on a connection with an open transaction."""

    def __init__(self, pg: Any) -> None:
        self._pg = pg

    async def try_lock(self) -> bool:
        """Return whether this transaction alone may change the archive now."""
        return bool(await self._pg.fetchval(_LOCK))

    async def save_file(self, file: ArchivedFile) -> None:
        """Add a file, which must be stored already."""
        values = (file.row_count, file.bytes, file.first_at, file.last_at)
        await self._pg.execute(_SAVE, file.name, file.kind, file.project, file.day, list(file.columns), *values)

    async def replace_file(self, name: str, now: datetime) -> None:
        """Mark a file as replaced. It is deleted later, when no query reads it any more."""
        await self._pg.execute(_REPLACE, name, now)

    async def list_files(self, project: str) -> list[ArchivedFile]:
        """Return the files of a project, latest first."""
        return [to_file(row) for row in await self._pg.fetch(_FILES, project)]

    async def get_file(self, name: str) -> ArchivedFile | None:
        """Return a file of the archive; None if there is none of this name, or no longer."""
        row = await self._pg.fetchrow(_FILE, name)
        return None if row is None else to_file(row)

    async def list_names(self) -> set[str]:
        """Return all files, also those that left the archive and are not deleted yet."""
        return {row["name"] for row in await self._pg.fetch(_NAMES)}

    async def count_replaced(self, project: str) -> int:
        """Return the number of files that left the archive and are not deleted yet."""
        return int(await self._pg.fetchval(_LEFT, project))

    async def expire_files(self, now: datetime, age: timedelta) -> None:
        """Take the files of days that ended more than `age` ago out of the archive."""
        await self._pg.execute(_EXPIRE, now, (now - age).date())

    async def list_replaced(self, before: datetime) -> list[str]:
        """Return files that were taken out of the archive before a time, and are not deleted yet."""
        return [row["name"] for row in await self._pg.fetch(_REPLACED, before)]

    async def forget_file(self, name: str) -> None:
        """Remove the row of a file that was deleted."""
        await self._pg.execute(_FORGET, name)

    async def list_known(self, names: Iterable[str]) -> set[str]:
        """Return those of the names that are in the catalog, also of replaced files that are not deleted yet."""
        return {row["name"] for row in await self._pg.fetch(_KNOWN, list(names))}

    async def keep_day(self, due: ProjectDay, until: datetime) -> None:
        """Keep the rows of a day in the log until a time."""
        await self._pg.execute(_KEEP_DAY, due.project, due.day, until)

    async def forget_kept_days(self, now: datetime) -> None:
        """Forget the days whose rows need not be kept in the log any more."""
        await self._pg.execute(_FORGET_DAYS, now)

    async def next_day(self, kind: Kind, before: datetime, now: datetime) -> ProjectDay | None:
        """Return the project and day of the oldest row received before `before`, a midnight; None without any.

        Days that were loaded back stay in the log for some time.
        """
        row = await self._pg.fetchrow(_NEXT_DAY.format(table=TABLES[kind]), before, now)
        return None if row is None else ProjectDay(row["project"], row["day"])


def to_file(row: Any) -> ArchivedFile:
    """Return a row of `archived_files`."""
    names: Sequence[str] = (
        "name", "kind", "project", "day", "columns", "row_count", "bytes", "first_at", "last_at",
    )  # fmt: skip
    values = {name: row[name] for name in names}
    return ArchivedFile(**{**values, "columns": tuple(values["columns"])})
