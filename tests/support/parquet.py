"""Parquet files for tests, read back as the JSON that they were made of."""

import io
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def read_rows(content: bytes) -> list[dict[str, Any]]:
    """Return the rows of a file, in the types of JSON."""
    table = pq.read_table(io.BytesIO(content))
    types = {field.name: field.type for field in table.schema}
    return [{name: _plain(types[name], value) for name, value in row.items()} for row in table.to_pylist()]


def group_sizes(content: bytes) -> list[int]:
    """Return the numbers of rows of a file's row groups."""
    metadata = pq.read_metadata(io.BytesIO(content))
    return [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]


def _plain(found: Any, value: Any) -> Any:
    if value is None:
        return None
    if pa.types.is_map(found):
        return {name: _plain(found.item_type, member) for name, member in value}
    if pa.types.is_list(found):
        return [_plain(found.value_type, member) for member in value]
    if pa.types.is_struct(found):
        return {field.name: _plain(field.type, value[field.name]) for field in found}
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
