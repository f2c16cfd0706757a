"""Rows of the table of `make bench`: what each benchmark returns to the driver, as JSON."""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Direction = Literal["high", "low"]
INSTRUCTIONS_UNIT = "instructions/item"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure with its peer and its limit, all from one run.

    `ours`, `peer` and `limit` are in `unit`; `best` states whether high or low values are better. `ratio_limit` limits
    `ours` / `peer`. `process_s` and `postgres_s` are processor seconds per `item`, of Ratchet's processes and of
    PostgreSQL's; None if not measured. `work` is unique among all benchmarks.
    """

    work: str
    unit: str
    ours: float
    best: Direction
    peer: float | None = None
    peer_name: str = ""
    limit: float | None = None
    ratio_limit: float | None = None
    item: str = ""
    process_s: float | None = None
    postgres_s: float | None = None

    @property
    def ratio(self) -> float | None:
        """`ours` / `peer`; None without a peer."""
        return self.ours / self.peer if self.peer else None

    @property
    def met(self) -> bool | None:
        """Return whether every limit is met; None without limits."""
        pairs = ((self.ours, self.limit), (self.ratio, self.ratio_limit))
        found = [(it, limit) for it, limit in pairs if it is not None and limit is not None]
        if not found:
            return None
        return all(it >= limit if self.best == "high" else it <= limit for it, limit in found)


def add_rows_option(parser: argparse.ArgumentParser) -> None:
    """Add `--rows FILE`, which the driver passes to each benchmark."""
    parser.add_argument("--rows", type=Path, help="write rows for the table of `make bench` to this file")


def write_rows(path: Path | None, rows: Iterable[Row]) -> None:
    """Write rows as JSON to the file of `--rows`; do nothing without it."""
    if path is not None:
        path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def read_rows(path: Path) -> list[Row]:
    """Return the rows in a file; none if the benchmark wrote none."""
    return [Row(**row) for row in json.loads(path.read_text())] if path.exists() else []
