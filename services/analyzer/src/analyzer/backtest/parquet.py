"""Parquet, by way of pyarrow: read in batches, only the columns asked for."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from analyzer.backtest.files import SAMPLE, STRIDE, Advance, Row, Sample, Unit
from analyzer.backtest.troubles import BadFile, Troubles

_MISSING = "reading Parquet needs pyarrow: pip install 'ratchet-analyzer[parquet]'"


class Parquet:
    """A Parquet file with flat columns."""

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
        for batch in self._file.iter_batches(batch_size=SAMPLE):
            return Sample({name: batch.column(name).to_pylist() for name in batch.schema.names})
        return Sample({name: [] for name in self._file.schema_arrow.names})

    def rows(self, columns: Sequence[str], troubles: Troubles, advance: Advance) -> Iterator[Row]:
        number = 0
        for batch in self._file.iter_batches(batch_size=STRIDE, columns=list(dict.fromkeys(columns))):
            advance(number)
            cells: list[list[Any]] = [batch.column(name).to_pylist() for name in columns]
            for row in zip(*cells, strict=True):
                number += 1
                yield number, row
