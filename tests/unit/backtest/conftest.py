"""Helpers to write history files."""

import csv
import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from ratchet_backtest import detectable_drop as detectable

Row = Mapping[str, Any]
Write = Callable[..., Path]
START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def few_simulations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use few simulations: the statement gets less precise, the code is the same."""
    monkeypatch.setattr(detectable, "RUNS", 1)


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


def shares(*parts: tuple[str, int, float], seed: int = 1, column: str = "correct") -> list[dict[str, Any]]:
    """Return `n` rows of each version, one per minute, with that share of good values."""
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for version, n, share in parts:
        for _ in range(n):
            time = START + timedelta(minutes=len(rows))
            rows.append({"time": time.isoformat(), "version": version, column: rng.random() < share})
    return rows
