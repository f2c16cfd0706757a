"""Parquet, by way of pyarrow: read in batches, only the columns asked for."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from analyzer.backtest.files import BATCH, SAMPLE, Advance, Batch, Sample, Unit
from analyzer.backtest.troubles import BadFile, Troubles

_MISSING = "reading Parquet needs pyarrow: pip install 'ratchet-analyzer[parquet]'"
_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


class Parquet:
    """A Parquet file; its times come as Unix times in seconds."""

    unit: Unit = "row"

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise BadFile(_MISSING) from None
        try:
            self._file = parquet.ParquetFile(path)
        except pyarrow.ArrowException as error:
            raise BadFile(f"{path.name} is not a Parquet file that can be read: {error}") from None
        self.size: int = self._file.metadata.num_rows

    def sample(self) -> Sample:
        names = self._file.schema_arrow.names
        for batch in self._file.iter_batches(batch_size=SAMPLE):
            return Sample({name: _cells(batch.column(name)) for name in names})
        return Sample({name: [] for name in names})

    def batches(self, columns: Sequence[str], troubles: Troubles, advance: Advance) -> Iterator[Batch]:
        done = 0
        for batch in self._file.iter_batches(batch_size=BATCH, columns=list(dict.fromkeys(columns))):
            yield range(done + 1, done + 1 + batch.num_rows), [_cells(batch.column(name)) for name in columns]
            done += batch.num_rows
            advance(done)


def _cells(column: Any) -> list[Any]:
    unit = _UNITS.get(getattr(column.type, "unit", ""))
    if unit is None or not str(column.type).startswith("timestamp"):
        cells: list[Any] = column.to_pylist()
        return cells
    return [None if cell is None else cell / unit for cell in column.cast("int64").to_pylist()]
