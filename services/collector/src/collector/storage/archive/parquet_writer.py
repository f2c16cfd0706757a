"""Writes Parquet files with DuckDB: zstd, row groups of bounded size, and bloom filters for the columns of ids."""

from collections.abc import Mapping
from pathlib import Path

from collector.storage.archive.spool import MAX_LINE_BYTES, Spool
from collector.storage.archive.statement_workers import WorkerFailure, Workers

ROW_GROUP = 10_000
"""Rows that are read together, if they are small."""
_MIN_ROW_GROUP = 2_048
"""DuckDB writes no smaller ones."""
ROW_GROUP_BYTES = 8_000_000
"""Bytes of JSON that are read together, if `_MIN_ROW_GROUP` rows are not more.

A reader holds a whole row group in memory, compressed and not, in each of two threads.
"""
_DEADLINE_S = 300.0
_FILE_BYTES = 256_000_000
_LARGE_ROWS_BYTES = 32_000_000
# A column whose values all fit into a dictionary gets a bloom filter: so a search for one id reads few row groups.
# Values of long texts don't fit, since the dictionary's size is limited too.
_OPTIONS = f"""FORMAT parquet, COMPRESSION zstd, DICTIONARY_SIZE_LIMIT {ROW_GROUP}"""


class Incomplete(WorkerFailure):
    """The number of rows in a written file is wrong."""


async def write_parquet(workers: Workers, spool: Spool, columns: Mapping[str, str], target: Path) -> None:
    """Write a spool's rows, in their order, to a Parquet file, and read it again.

    Raises Incomplete if the file has not as many rows; and as `Workers.run` does.
    """
    group = row_group_size(spool.rows, spool.size)
    rows = await copy_to_parquet(workers, f"SELECT * FROM {spool_source(spool, columns)}", target, group)
    if rows != spool.rows:
        raise Incomplete(f"{rows} rows instead of {spool.rows}")


def row_group_size(rows: int, size: int) -> int:
    """Return how many rows a row group of rows with a total size in bytes should have."""
    return max(_MIN_ROW_GROUP, min(ROW_GROUP, ROW_GROUP_BYTES * rows // max(1, size)))


def is_full(rows: int, size: int) -> bool:
    """Return whether a file has enough bytes of JSON.

    Rows of which `_MIN_ROW_GROUP` are too large for one row group get files of a row group each.
    """
    return size >= (_LARGE_ROWS_BYTES if rows * _LARGE_ROWS_BYTES < _MIN_ROW_GROUP * size else _FILE_BYTES)


def copy_statement(query: str, target: Path, group: int = ROW_GROUP) -> str:
    """Return the statement that writes the rows of a query to a Parquet file, in row groups of about `group` rows."""
    return f"COPY ({query}) TO {quote_literal(str(target))} ({_OPTIONS}, ROW_GROUP_SIZE {group})"


async def copy_to_parquet(workers: Workers, query: str, target: Path, group: int) -> int:
    """Write the rows of a query to a Parquet file; return their number as read from the file."""
    copy = copy_statement(query, target, group)
    count = f"SELECT count(*) FROM read_parquet({quote_literal(str(target))})"
    ((rows,),) = await workers.run(count, statements=[copy], within=_DEADLINE_S)
    return int(rows)


def spool_source(spool: Spool, columns: Mapping[str, str]) -> str:
    """Return the table function that reads a spool, which must be closed."""
    types = ", ".join(f"{quote_literal(name)}: {quote_literal(columns[name])}" for name in columns)
    return f"""read_json({quote_literal(str(spool.path))}, format = 'newline_delimited', compression = 'gzip',
        maximum_object_size = {MAX_LINE_BYTES}, columns = {{{types}}})"""


def quote_literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
