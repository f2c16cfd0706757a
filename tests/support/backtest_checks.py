"""Checks of generated files: each is read correctly, or rejected with the flag that helps.

Every file is decoded and compared with the truth, value by value, in chronological order. A sample (with
RATCHET_SOAK=1: all) is also run through the backtest and its verdict checked.
"""

import os
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ratchet.tables import BadFile, Doubt
from ratchet_backtest.column_roles import ColumnChoice
from ratchet_backtest.loader import load_dataset
from ratchet_backtest.questions import parse_meanings
from ratchet_backtest.runner import BacktestOptions, FileInterpretation, interpret_file, run_backtest
from tests.support.backtest_files import HistoryFile, draw, write

FILES = 105
VERDICTS = FILES if os.environ.get("RATCHET_SOAK") == "1" else 3
SMALL, LARGE = 40, 440


def faults(shard: int, folder: Path) -> list[str]:
    """Return the errors in reading the files of one shard."""
    rng, wrong = random.Random(shard), []
    for number in range(FILES):
        judged = number < VERDICTS
        file = draw(rng, LARGE if judged else SMALL)
        path = write(file, folder, f"past{number}")
        fault = _fault(file, path, judged)
        if fault:
            wrong.append(f"{fault}: {dict(file.traits)}")
        path.unlink()
    return wrong


def _fault(file: HistoryFile, path: Path, judged: bool) -> str:
    """Return the errors in reading a file; empty if there are none."""
    options = _question(file.flags)
    try:
        found = interpret_file(path, BacktestOptions(ColumnChoice()))
    except Doubt as doubt:
        if not file.flags:
            return f"asked without need ({doubt})"
        if not any(option.flag.startswith("--") for option in doubt.options):
            return f"no flag is named ({doubt})"
    except BadFile as error:
        return f"refused ({error})"
    else:
        needed = set(file.flags) - {"zone", "newest_first"}
        if needed:
            return f"not asked for {needed}"
    try:
        found = interpret_file(path, options) if file.flags else found
        return _decoded(file, found) or (_verdict(file, path, options) if judged else "")
    except BadFile as error:
        return f"refused with its flags ({error})"


def _question(flags: Mapping[str, Any]) -> BacktestOptions:
    words = parse_meanings([flags["good"]], [flags["bad"]]) if "good" in flags else {}
    others = {name: value for name, value in flags.items() if name not in ("good", "bad")}
    return replace(BacktestOptions(ColumnChoice(), meanings=words), **others)


def _decoded(file: HistoryFile, found: FileInterpretation) -> str:
    """Return how the values in chronological order differ from the truth."""
    history = load_dataset(found.rows, found.columns, found.scales, lambda done: None, found.clock)
    if len(history.values) != 1 or history.version is None:
        return f"other columns: {found.columns.values}, {found.columns.version}"
    order, values = history.order(), history.values[0].found
    if history.timed != (file.traits["time"] != "none") or len(order.rows) != len(file.truth):
        return f"{len(order.rows)} rows, timed {history.timed}"
    for position, row in enumerate(order.rows):
        expected = file.truth[position]
        given = None if values[row] != values[row] else values[row]
        if given != pytest.approx(expected, abs=0.0011):
            return f"value {position} is {given} for {expected}"
        if history.version.at(row) != file.versions[position]:
            return f"version {position} is {history.version.at(row)}"
    return ""


def _verdict(file: HistoryFile, path: Path, options: BacktestOptions) -> str:
    (result,) = run_backtest(path, options, lambda stage, total: lambda done: None).results
    if (result.verdict == "regressed") != (file.course == "falls"):
        return f"{result.verdict} though it {file.course}"
    return ""
