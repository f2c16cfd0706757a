"""Parquet files, read with pyarrow: in batches, requested columns only."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ratchet.tables.errors import BadFile
from ratchet.tables.rows import BATCH, Advance, Batch, Omissions, Unit

_MISSING = "reading Parquet needs pyarrow: pip install 'ratchet-sdk[parquet]'"
_BATCH = 8 * BATCH
_PLAIN = frozenset({"string", "large_string", "double", "int64", "int32", "bool"})
_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


class Parquet:
    """A Parquet file. Times with a zone are Unix times in seconds, others naive datetimes."""

    unit: Unit = "row"
    decimal_commas = False

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise BadFile(_MISSING) from None
        try:
            self._file = parquet.ParquetFile(path)
        except (pyarrow.ArrowException, OSError) as error:
            raise BadFile(f"{path.name} is not a readable Parquet file: {error}") from None
        self._broken = pyarrow.ArrowException
        self._name = path.name
        self.notes: list[str] = []
        self.size: int = self._file.metadata.num_rows

    def head(self, size: int) -> tuple[Sequence[int], Mapping[str, Sequence[Any]]]:
        names = self._file.schema_arrow.names
        for batch in self._read(size, names):
            return range(1, batch.num_rows + 1), {name: _cells(batch.column(name)) for name in names}
        return [], {name: [] for name in names}

    def batches(self, columns: Sequence[str], omissions: Omissions, advance: Advance) -> Iterator[Batch]:
        done = 0
        for batch in self._read(_BATCH, list(dict.fromkeys(columns))):
            yield range(done + 1, done + 1 + batch.num_rows), [_cells(batch.column(name)) for name in columns]
            done += batch.num_rows
            advance(done)

    def _read(self, size: int, columns: Sequence[str]) -> Iterator[Any]:
        try:
            yield from self._file.iter_batches(batch_size=size, columns=columns)
        except (self._broken, OSError) as error:
            raise BadFile(f"{self._name} is damaged: {error}") from None


def _cells(column: Any) -> list[Any]:
    if not str(column.type).startswith("timestamp"):
        if str(column.type) in _PLAIN and not column.null_count:
            plain: list[Any] = column.to_numpy(zero_copy_only=False).tolist()  # the same cells, faster
            return plain
        cells: list[Any] = column.to_pylist()
        return cells
    if column.type.tz is None:
        import pyarrow

        naive: list[Any] = column.cast(pyarrow.timestamp("us"), safe=False).to_pylist()
        return naive
    unit = _UNITS[column.type.unit]
    return [None if cell is None else cell / unit for cell in column.cast("int64").to_pylist()]
