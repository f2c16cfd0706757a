"""The table of `make bench`, its rows as JSON, and the results file."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.cpu import CpuMeter, cpu_seconds
from benchmarks.driver import ROOT, report
from benchmarks.rows import Row, read_rows, write_rows
from benchmarks.table import format_number, format_seconds, render_table

SINGLES = Row(
    "intake: singles", "/s", 3_470.4, "high", 10_763, "echo", limit=15_000, ratio_limit=0.75,
    item="item", process_s=337e-6, postgres_s=116e-6,
)  # fmt: skip
PUSH = Row("push to 200 clients, p99", "ms", 84.26, "low", limit=100)


def test_each_row_is_a_line_with_all_figures() -> None:
    head, ruler, singles, push = render_table([SINGLES, PUSH]).splitlines()
    assert _cells(head) == ["work", "ours", "peer", "limit", "ratio", "CPU process", "CPU PostgreSQL", "kept"]
    assert set(ruler) == {"|", "-", " "}
    assert _cells(singles) == [
        "intake: singles", "3,470 /s", "10,763 (echo)", "≥ 15,000, ratio ≥ 0.75", "0.32", "337 µs/item", "116 µs/item",
        "no",
    ]  # fmt: skip
    assert _cells(push) == ["push to 200 clients, p99", "84.3 ms", "–", "≤ 100", "–", "–", "–", "yes"]
    assert len({len(line) for line in (head, ruler, singles, push)}) == 1


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row("a", "/s", 100, "high", limit=100), True),
        (Row("a", "/s", 99, "high", limit=100), False),
        (Row("a", "ms", 100, "low", limit=100), True),
        (Row("a", "ms", 101, "low", limit=100), False),
        (Row("a", "/s", 75, "high", 100, "echo", ratio_limit=0.75), True),
        (Row("a", "/s", 74, "high", 100, "echo", ratio_limit=0.75), False),
        (Row("a", "s", 21, "low", 10, "pandas", limit=30, ratio_limit=2), False),
        (Row("a", "/s", 120, "high", ratio_limit=0.75), None),
        (Row("a", "/s", 120, "high"), None),
    ],
)
def test_row_is_met_if_every_limit_is(row: Row, met: bool | None) -> None:
    assert row.met is met


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.2604, "0.26"), (9.996, "10"), (12.34, "12.3"), (40_318.7, "40,319")]
)
def test_numbers_have_at_least_three_digits(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (37.1, "37.1 s/file"), (0.0021, "2.1 ms/file"), (90e-6, "90 µs/file"), (0.0, "0 µs/file")],
)
def test_processor_time_has_a_suitable_unit(seconds: float | None, text: str) -> None:
    assert format_seconds(seconds, "file") == text


def test_rows_survive_json(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    write_rows(path, [SINGLES, PUSH])
    assert read_rows(path) == [SINGLES, PUSH]
    write_rows(None, [SINGLES])
    assert read_rows(tmp_path / "none.json") == []


def test_results_name_date_commit_and_machine() -> None:
    text = report([PUSH], "abc1234", datetime(2026, 11, 29, 3, 4, tzinfo=UTC), 2)
    assert "2026-11-29 03:04 UTC, commit abc1234, 2 cores" in text
    assert render_table([PUSH]) in text


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_accepts_the_option_rows(name: str) -> None:
    """Build its parser and check for `--rows`: duplicate options raise an error."""
    module, package = ROOT / "benchmarks" / f"{name}.py", ROOT / "benchmarks" / name / "__main__.py"
    source = (module if module.exists() else package).read_text()
    assert source.count("add_rows_option(parser)") == 1
    assert '"--rows"' not in source


def test_processor_time_of_ended_children_counts() -> None:
    me = psutil.Process()
    meter = CpuMeter(lambda: [me])
    before = cpu_seconds([me])
    child = psutil.Popen([sys.executable, "-c", "import time\nwhile time.process_time() < 0.1: pass"])
    child.wait()
    assert cpu_seconds([me]) - before >= 0.05  # ticks of 10 ms
    assert meter.seconds >= 0.05
    assert cpu_seconds([child]) == 0.0


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]
