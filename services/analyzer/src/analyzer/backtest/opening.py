"""Which reader a file needs."""

from collections.abc import Callable, Mapping
from pathlib import Path

from analyzer.backtest.csvfile import Csv
from analyzer.backtest.files import Source
from analyzer.backtest.jsonlines import JsonLines
from analyzer.backtest.parquet import Parquet
from analyzer.backtest.troubles import BadFile

_READERS: Mapping[str, Callable[[Path], Source]] = {
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".json": JsonLines,
    ".csv": Csv,
    ".tsv": Csv,
    ".parquet": Parquet,
}


def opened(path: Path) -> Source:
    """The file at `path`, read by what its name ends with. Raises BadFile."""
    reader = _READERS.get(path.suffix.casefold())
    if reader is None:
        raise BadFile(f"{path.name}: its name must end with one of {', '.join(_READERS)}")
    return reader(path)
