"""Helpers to write table files."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

Row = Mapping[str, Any]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes rows to a file, in the format of its name."""

    def write(rows: Sequence[Row], name: str = "past.jsonl") -> Path:
        path = tmp_path / name
        match path.suffix:
            case ".jsonl":
                path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
            case ".csv":
                with path.open("w", encoding="utf-8", newline="") as file:
                    writer = csv.DictWriter(file, list(rows[0]))
                    writer.writeheader()
                    writer.writerows(rows)
            case ".parquet":
                parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), path)
        return path

    return write
