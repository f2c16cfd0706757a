"""Rows a second and memory of `ratchet import`, against a server that accepts everything.

`python -m benchmarks.file_import [--rows-count 100000]` writes a CSV whose every fourth row has a thumb, and imports it
in a process of its own. Memory is sampled twice a second: by how much the most of the second half exceeds that of the
first half is what more rows would add. What storing them takes is measured by `ingest`.
"""

import argparse
import csv
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.sdk_sink import run_sink
from benchmarks.termination import exit_on_sigterm
from ratchet_local.ports import free_port

WORDS = ("where", "is", "my", "parcel", "order", "invoice", "refund", "late", "address", "change", "cancel", "return")
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
MOST_GROWTH_MB = 5.0
_MB = 2**20


def write_file(path: Path, count: int) -> None:
    """Write `count` rows."""
    draw = random.Random(3)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["input", "output", "version", "latency_ms", "thumb", "user", "timestamp"])
        for number in range(count):
            texts = (" ".join(draw.choices(WORDS, k=8)), " ".join(draw.choices(WORDS, k=12)))
            thumb = draw.choice(["up", "down"]) if number % 4 == 0 else ""
            at = (BEGIN + timedelta(seconds=number)).isoformat()
            rows.writerow([*texts, "v1", draw.randrange(200, 3000), thumb, f"u{draw.randrange(5000)}", at])


def import_file(path: Path, url: str) -> tuple[float, float, list[int]]:
    """Return the seconds and the processor seconds of an import, and its memory in bytes, twice a second."""
    environment = {**os.environ, "RATCHET_URL": url, "RATCHET_KEY": f"rk_bench_{'s' * 43}"}
    command = [sys.executable, "-m", "ratchet", "import", path.name, "--target", "imported"]
    began = time.perf_counter()
    memory: list[int] = []
    cpu = 0.0
    with subprocess.Popen(command, cwd=path.parent, env=environment, stdout=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                memory.append(watched.memory_info().rss)
                cpu = sum(watched.cpu_times()[:2])
            except psutil.Error:
                break
            time.sleep(0.5)
    assert process.returncode == 0, process.returncode
    return time.perf_counter() - began, cpu, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows-count", type=int, default=100_000)
    add_rows_option(parser)
    options = parser.parse_args()
    port = free_port()
    sink = multiprocessing.get_context("spawn").Process(target=run_sink, args=(port,), daemon=True)
    sink.start()
    try:
        with tempfile.TemporaryDirectory(prefix="ratchet-bench-") as folder:
            path = Path(folder) / "rows.csv"
            write_file(path, options.rows_count)
            seconds, cpu, memory = import_file(path, f"http://127.0.0.1:{port}")
    finally:
        sink.terminate()
    half = len(memory) // 2
    first, second = max(memory[:half]) / _MB, max(memory[half:]) / _MB
    count = options.rows_count
    print(
        f"{count:,} rows in {seconds:.0f} s, {1e6 * cpu / count:.0f} µs of a processor a row; at most "
        f"{first:.1f} MB in the first half, {second:.1f} MB in the second"
    )
    work = f"import: {count:,} rows of CSV"
    write_rows(
        options.rows,
        [
            Row(work, "rows/s", count / seconds, "high", item="row", process_s=cpu / count),
            Row("import: growth of its memory", "MB", second - first, "low", limit=MOST_GROWTH_MB),
        ],
    )


if __name__ == "__main__":
    exit_on_sigterm()
    main()
