"""Writes Parquet files with DuckDB: zstd, row groups of bounded size, and bloom filters for the columns of ids."""

from collections.abc import Mapping
from pathlib import Path

from collector.storage.archive.spool import MAX_LINE_BYTES, Spool
from collector.storage.archive.statement_workers import WorkerFailure, Workers

ROW_GROUP = 10_000
"""Rows that are read together at least."""
_DEADLINE_S = 300.0
# A column whose values all fit into a dictionary gets a bloom filter: so a search for one id reads few row groups.
# Values of long texts don't fit, since the dictionary's size is limited too.
_OPTIONS = f"""FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}, DICTIONARY_SIZE_LIMIT {ROW_GROUP}"""


class Incomplete(WorkerFailure):
    """The number of rows in a written file is wrong."""


async def write_parquet(workers: Workers, spool: Spool, columns: Mapping[str, str], target: Path) -> None:
    """Write a spool's rows, in their order, to a Parquet file, and read it again.

    Raises Incomplete if the file has not as many rows; and as `Workers.run` does.
    """
    rows = await copy_to_parquet(workers, f"SELECT * FROM {spool_source(spool, columns)}", target)
    if rows != spool.rows:
        raise Incomplete(f"{rows} rows instead of {spool.rows}")


async def copy_to_parquet(workers: Workers, query: str, target: Path) -> int:
    """Write the rows of a query to a Parquet file; return their number as read from the file."""
    copy = f"COPY ({query}) TO {quoted(str(target))} ({_OPTIONS})"
    count = f"SELECT count(*) FROM read_parquet({quoted(str(target))})"
    ((rows,),) = await workers.run(count, statements=[copy], within=_DEADLINE_S)
    return int(rows)


def spool_source(spool: Spool, columns: Mapping[str, str]) -> str:
    """Return the table function that reads a spool, which must be closed."""
    types = ", ".join(f"{quoted(name)}: {quoted(columns[name])}" for name in columns)
    return f"""read_json({quoted(str(spool.path))}, format = 'newline_delimited', compression = 'gzip',
        maximum_object_size = {MAX_LINE_BYTES}, columns = {{{types}}})"""


def quoted(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
