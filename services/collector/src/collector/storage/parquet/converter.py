"""The process that converts: JSON lines on standard input become a Parquet file on standard output.

It takes some 160 MB while it works, of which pyarrow has 50; a process that ends gives all of it back. Only a row group
is in memory.
`conversion` is the other end.
"""

import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import from_json

from collector.domain.parquet_types import ColumnType

GROUP_ROWS = 5_000
GROUP_BYTES = 4_000_000
"""Rows, or bytes of JSON, after which a row group ends."""
_PLAIN: Mapping[str, Any] = {
    "text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(),
    "time": pa.timestamp("us", "UTC"),
}  # fmt: skip


def main() -> None:
    """Convert until standard input ends. Argument: the columns' types as JSON."""
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not get into the file
    convert(sys.stdin.buffer, target, json.loads(sys.argv[1]))


def convert(lines: Iterable[bytes], target: BinaryIO, types: Mapping[str, ColumnType]) -> None:
    """Write the objects in lines of JSON to a Parquet file."""
    schema = pa.schema([(name, _arrow_type(found)) for name, found in types.items()])
    with _Pipe(target) as pipe, pq.ParquetWriter(pipe, schema, compression="zstd") as writer:
        for group in _groups(lines):
            rows = [_struct(types, from_json(line)) for line in group]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            pipe.flush()


class _Pipe(io.RawIOBase):
    """A target without positions, of which pyarrow asks the position. It stays open."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._target.write(data)
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        self._target.flush()


def _groups(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    size = 0
    for line in lines:
        group.append(line)
        size += len(line)
        if len(group) >= GROUP_ROWS or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _arrow_type(found: ColumnType) -> Any:
    if isinstance(found, str):
        return _PLAIN[found]
    ((kind, inner),) = found.items()
    if kind == "struct":
        return pa.struct([(name, _arrow_type(member)) for name, member in inner.items()])
    return pa.list_(_arrow_type(inner)) if kind == "list" else pa.map_(pa.string(), _arrow_type(inner))


def _value(found: ColumnType, value: Any) -> Any:
    """Return a value of JSON as pyarrow takes it."""
    if value is None:
        return None
    if isinstance(found, str):
        return datetime.fromisoformat(value) if found == "time" else value
    ((kind, inner),) = found.items()
    if kind == "struct":
        return _struct(inner, value)
    if kind == "list":
        return [_value(inner, member) for member in value]
    return [(name, _value(inner, member)) for name, member in value.items()]


def _struct(types: Mapping[str, ColumnType], value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(found, value.get(name)) for name, found in types.items()}
