"""DuckDB's form of the log's statements (`log_queries`), so that the archive is searched by the same conditions."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from collector.domain.execution_filter import ExecutionFilter
from collector.storage import log_queries
from collector.storage.archive.parquet_columns import TABLES, Kind
from collector.storage.archive.parquet_writer import quote_literal

_PARAMETER = re.compile(r"(?<!:):(\w+)")
_HAS = re.compile(r"CAST\(:(\w+) AS text\) = ANY\((e\.\w+)\)")
_KEY = re.compile(r"->> CAST\(:(\w+) AS text\)")


def list_query(
    wanted: ExecutionFilter, after: tuple[Any, Any] | None, limit: int, *, bodies: bool
) -> tuple[str, dict[str, Any]]:
    """Return the query of the newest executions that match, older than the key `after`, and its parameters."""
    statement, parameters = log_queries.list_statement(wanted, after is not None, limit, bodies=bodies)
    statement = _HAS.sub(r"list_contains(\2, :\1)", statement).replace("(SELECT FROM", "(SELECT 1 FROM")
    keys = set(_KEY.findall(statement))  # DuckDB reads a key that looks like a path as one
    statement = _KEY.sub(r"->> :\1", statement)
    parameters = {name: _pointer(str(value)) if name in keys else value for name, value in parameters.items()}
    if after is not None:
        parameters |= {"at": after[0], "reference": after[1]}
    return _translate(statement, parameters)


def get_query(references: Sequence[Any]) -> tuple[str, dict[str, Any]]:
    """Return the query of executions by their references."""
    statement = f"""SELECT e.reference, e.occurred_at, e.body FROM collector.{TABLES["executions"]} AS e
        WHERE e.reference IN ({", ".join(quote_literal(str(reference)) for reference in references)})"""
    return statement, {}


def feedback_query(field: str, wanted: Sequence[UUID], columns: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return the query of the feedback whose `reference` or `subject` is wanted, oldest first."""
    statement = f"""SELECT {", ".join(map(identifier, columns))} FROM collector.{TABLES["feedback"]} AS f
        WHERE f.{field} IN ({", ".join(quote_literal(str(value)) for value in wanted)})
        ORDER BY f.occurred_at, f.feedback_id"""
    return statement, {}


def table_statements(kind: Kind, columns: Mapping[str, str], sources: Sequence[str]) -> list[str]:
    """Return the statements that define the table of a kind: the rows of `sources`, with all of the columns.

    A column that was added after the rows were archived is null in them.
    """
    empty = (
        f"SELECT {', '.join(f'CAST(NULL AS {columns[name]}) AS {identifier(name)}' for name in columns)} WHERE false"
    )
    parts = [empty, *(f"SELECT * FROM {source}" for source in sources)]
    return [f"CREATE VIEW collector.{TABLES[kind]} AS {' UNION ALL BY NAME '.join(parts)}"]


def files_source(paths: Sequence[str]) -> str:
    """Return the table function that reads Parquet files, whose columns may differ."""
    return f"read_parquet([{', '.join(map(quote_literal, paths))}], union_by_name = true, hive_partitioning = false)"


def identifier(name: str) -> str:
    """Return a column's name as DuckDB reads it, whatever words are reserved there."""
    return f'"{name}"'


def _translate(statement: str, parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the statement with DuckDB's parameters. Times and references are compared as what they are."""
    casts = {"at": "TIMESTAMPTZ", "since": "TIMESTAMPTZ", "until": "TIMESTAMPTZ", "reference": "UUID"}

    def named(found: re.Match[str]) -> str:
        name = found[1]
        return f"CAST(${name} AS {casts[name]})" if name in casts else f"${name}"

    given = {name: str(value) if name in casts else value for name, value in parameters.items()}
    return _PARAMETER.sub(named, statement), given


def _pointer(key: str) -> str:
    """Return the JSON pointer to a key, which may look like a path."""
    return "/" + key.replace("~", "~0").replace("/", "~1")
