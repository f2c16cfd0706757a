"""Where a text of a user is still stored: all tables of a database, packed or not, and files."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import duckdb

_TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"""


async def tables_with(dsn: str, *markers: str) -> dict[str, int]:
    """Return the tables of all schemas that have one of the texts, ignoring case, with the number of such values."""
    pg = await asyncpg.connect(dsn)
    try:
        found = {}
        for (table,) in await pg.fetch(_TABLES):
            rows = await pg.fetch(f"SELECT * FROM {table}")
            hits = sum(_has(value, markers) for row in rows for value in row.values())
            if hits:
                found[table] = hits
        return found
    finally:
        await pg.close()


def files_with(folder: Path, *markers: str) -> list[str]:
    """Return the files below a folder that have one of the texts, also compressed in Parquet."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [str(path.relative_to(folder)) for path in files if any(_has(text, markers) for text in _contents(path))]


def _contents(path: Path) -> Iterator[bytes]:
    raw = path.read_bytes()
    yield raw
    if path.suffix == ".gz":
        yield gzip.decompress(raw)
    if path.suffix == ".parquet":
        with duckdb.connect(":memory:") as db:
            for row in db.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall():
                yield str(row).encode()


def _has(value: Any, markers: tuple[str, ...]) -> bool:
    text = _plain(value).lower() if isinstance(value, bytes) else str(value).lower().encode()
    return any(marker.lower().encode() in text for marker in markers)


def _plain(value: bytes) -> bytes:
    try:
        return zlib.decompress(value)
    except zlib.error:
        return value
