"""The columns of archived files: those of the tables, whatever migrations add to them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

Kind = Literal["executions", "feedback"]
TABLES: Mapping[Kind, str] = {"executions": "execution_log", "feedback": "feedback_log"}
TIMES: Mapping[Kind, str] = {"executions": "occurred_at", "feedback": "executed_at"}
"""The column that a file is sorted by, before `reference`."""

BODY = "body"
"""The column whose packed events are stored as JSON, so that other programs can read them and zstd sees them."""
TYPES: Mapping[str, str] = {
    "bigint": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "double precision": "DOUBLE",
    "integer": "INTEGER",
    "jsonb": "JSON",
    "smallint": "SMALLINT",
    "text": "VARCHAR",
    "text[]": "VARCHAR[]",
    "timestamp with time zone": "TIMESTAMPTZ",
    "uuid": "UUID",
}
"""Type in PostgreSQL → type in DuckDB."""

_COLUMNS = """
SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"""


async def read_columns(pg: Any, kind: Kind) -> dict[str, str]:
    """Return the columns of a table and their types in DuckDB.

    Raises LookupError for a type that `TYPES` lacks, rather than to lose a column.
    """
    rows: Sequence[Any] = await pg.fetch(_COLUMNS, f"collector.{TABLES[kind]}")
    return {row["name"]: "VARCHAR" if row["name"] == BODY else _duckdb_type(row["name"], row["type"]) for row in rows}


def _duckdb_type(column: str, type_name: str) -> str:
    try:
        return TYPES[type_name]
    except KeyError:
        raise LookupError(f"column {column}: add its type {type_name} to TYPES") from None
