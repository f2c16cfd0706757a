"""Rows of PostgreSQL as compressed lines of JSON, from which DuckDB makes a Parquet file."""

import gzip
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from collector.domain.log_entries import body_json
from collector.storage.archive.parquet_columns import BODY

_LEVEL = 1
MAX_LINE_BYTES = 32_000_000
"""The largest line that is read back; a body is a message of Kafka before, which is far smaller."""


class Spool:
    """A temporary file of rows. Knows the times of its first and its last row."""

    def __init__(self, path: Path, time_column: str) -> None:
        self._file = gzip.open(path, "wb", compresslevel=_LEVEL)  # noqa: SIM115
        self._time = time_column
        self.path = path
        self.rows = 0
        self.size = 0
        self.first_at: datetime | None = None
        self.last_at: datetime | None = None

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows in the order of their times. Blocks for compression."""
        for row in rows:
            line = to_json({name: _value(name, value) for name, value in row.items()}) + b"\n"
            self._file.write(line)
            self.size += len(line)
        self.rows += len(rows)
        times = [row[self._time] for row in rows]
        self.first_at = min(filter(None, (self.first_at, *times)))
        self.last_at = max(filter(None, (self.last_at, *times)))

    def close(self) -> None:
        """End the file."""
        self._file.close()


def _value(name: str, value: Any) -> Any:
    if name == BODY:
        return body_json(value).decode()
    if isinstance(value, UUID):
        return str(value)
    return value
