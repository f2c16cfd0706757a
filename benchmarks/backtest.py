"""`ratchet backtest` of a million rows, compared with pandas reading the same file.

    python -m benchmarks.backtest [--count 1000000] [--format csv] [--json]

Each runs in its own process, on the same file of six columns: wall time, processor time (on a busy machine only this is
meaningful), and peak resident memory. pandas reads the file, parses its times, and computes one mean per version, as in
a notebook; this includes nothing of what the backtest detects.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.termination import exit_on_sigterm

_LIMIT_ROWS, _LIMIT_S, _OF_PANDAS = 1_000_000, 10.0, 2.0
FORMATS = ("csv", "jsonl", "parquet")
_MEGABYTE = 1 << 10  # ru_maxrss is in kilobytes
_PANDAS = """
import sys, pandas
path, kind = sys.argv[1:]
table = pandas.read_json(path, lines=True) if kind == "jsonl" else getattr(pandas, "read_" + kind)(path)
table["created_at"] = pandas.to_datetime(table["created_at"], format="ISO8601")
print(table.groupby("prompt_version")["score"].mean().to_dict())
"""


def write(path: Path, rows: int) -> None:
    """Write a judge's scores of five versions; the fourth is worse by 8 points. Parquet is converted from the CSV."""
    rng, start = random.Random(7), datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    names = ("id", "created_at", "prompt_version", "model", "language", "score")
    table = path.with_suffix(".csv")
    with table.open("w", newline="") as file, path.with_suffix(".jsonl").open("w") as lines:
        writer = csv.writer(file)
        writer.writerow(names)
        for number in range(rows):
            version = number * 5 // rows
            score = 0.0 if version == 3 and rng.random() < 0.1 else rng.choice((0.5, 0.75, 0.75, 1.0, 1.0))
            when = datetime.fromtimestamp(start + 20 * number, UTC).isoformat()
            row = (f"e{number}", when, f"v{version}", "model-a", rng.choice(("en", "de", "fr")), score)
            writer.writerow(row)
            lines.write(json.dumps(dict(zip(names, row, strict=True))) + "\n")
    if path.suffix == ".parquet":
        import pandas

        pandas.read_csv(table).to_parquet(path)


def run(command: list[str]) -> dict[str, float]:
    """Return seconds, processor seconds and megabytes of a command."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _, status, used = os.wait4(process.pid, 0)
    except SystemExit:
        process.kill()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    seconds, cpu = time.perf_counter() - began, used.ru_utime + used.ru_stime
    return {"seconds": seconds, "cpu": cpu, "megabytes": used.ru_maxrss / _MEGABYTE}


def measure(path: Path, rows: int) -> dict[str, dict[str, float]]:
    write(path, rows)
    script = str(Path(sys.executable).with_name("ratchet"))
    return {
        "backtest": run([script, "backtest", str(path), "--json"]),
        "pandas": run([sys.executable, "-c", _PANDAS, str(path), path.suffix[1:]]),
    }


def table_rows(found: dict[str, dict[str, dict[str, float]]], rows: int) -> list[Row]:
    """Return processor seconds and memory of a backtest, and of reading with pandas, by format."""
    made = []
    for name, both in found.items():
        ours, pandas = both["backtest"], both["pandas"]
        work = f"backtest: {rows:,} rows of {name}"
        limit = _LIMIT_S if rows == _LIMIT_ROWS else None
        made.append(Row(f"{work}, CPU", "s", ours["cpu"], "low", pandas["cpu"], "pandas", limit=limit,
                        ratio_limit=_OF_PANDAS, item="row", process_s=ours["cpu"] / rows))  # fmt: skip
        made.append(Row(f"{work}, memory", "MB", ours["megabytes"], "low", pandas["megabytes"], "pandas"))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=_LIMIT_ROWS, help="rows of the file")
    parser.add_argument("--format", choices=FORMATS, action="append")
    parser.add_argument("--json", action="store_true")
    add_rows_option(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {name: measure(Path(folder) / f"past.{name}", arguments.count) for name in arguments.format or FORMATS}
    write_rows(arguments.rows, table_rows(found, arguments.count))
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    for name, both in found.items():
        for what, used in both.items():
            each = 1e6 * used["cpu"] / arguments.count
            spent = f"{used['seconds']:6.1f} s {used['cpu']:6.1f} s of processor {each:6.2f} µs a row"
            print(f"{name:8} {what:9} {spent} {used['megabytes']:6.0f} MB")
        ratios = {unit: both["backtest"][unit] / both["pandas"][unit] for unit in ("seconds", "cpu", "megabytes")}
        print(f"{name:8} {'ratio':9} " + ", ".join(f"{unit} {ratio:.2f} ×" for unit, ratio in ratios.items()))


if __name__ == "__main__":
    exit_on_sigterm()
    main()
