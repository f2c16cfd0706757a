"""`ratchet backtest` of ten million executions, compared with DuckDB that summarises the same Parquet file by version.

    python -m benchmarks.version_summary [--count 10000000]

Both read the same file of six columns, each in its own process, and both give the number of values, the mean and its
spread for each of five versions. DuckDB scans two columns and needs no order. The backtest reads all six, replays the
values in the order of their times through the detection that runs in production, and so also says which version made
the score worse, since when, and in which segments; that a summary by version alone does not contain.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import duckdb

from benchmarks.backtest import run
from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.termination import exit_on_sigterm

_COUNT, _OF_DUCKDB = 10_000_000, 2.0
_VERSIONS = 5
_SUMMARY = """
import sys, duckdb
print(duckdb.sql(
    "SELECT prompt_version, count(*), avg(score), stddev_samp(score) "
    f"FROM read_parquet('{sys.argv[1]}') GROUP BY prompt_version ORDER BY prompt_version"
).fetchall())
"""
_WRITE = """
COPY (
    SELECT 'e' || n AS id, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(2 * n) AS created_at,
        'v' || (n * {versions} // {count}) AS prompt_version, 'model-a' AS model,
        ['en', 'de', 'fr'][1 + (hash(n) % 3)::INT] AS language,
        CASE WHEN n * {versions} // {count} = 3 AND hash(n + 1) % 10 = 0 THEN 0.0
            ELSE [0.5, 0.75, 0.75, 1.0, 1.0][1 + (hash(n + 2) % 5)::INT] END::DOUBLE AS score
    FROM range({count}) numbers(n)
) TO '{path}' (FORMAT parquet)
"""


def write(path: Path, count: int) -> None:
    """Write a judge's scores of five versions in their order; the fourth is worse by 8 points."""
    duckdb.sql(_WRITE.format(path=path, count=count, versions=_VERSIONS))


def measure(path: Path, count: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return seconds, processor seconds and megabytes of the backtest, and of DuckDB."""
    write(path, count)
    script = str(Path(sys.executable).with_name("ratchet"))
    ours = run([script, "backtest", str(path), "--json"])
    return ours, run([sys.executable, "-c", _SUMMARY, str(path)])


def table_rows(ours: dict[str, float], peer: dict[str, float], count: int) -> list[Row]:
    """Return processor seconds and memory of a backtest, with those of DuckDB."""
    work = f"backtest: {count:,} executions by version"
    cpu = Row(f"{work}, CPU", "s", ours["cpu"], "low", peer["cpu"], "DuckDB", ratio_limit=_OF_DUCKDB,
              item="row", process_s=ours["cpu"] / count)  # fmt: skip
    return [cpu, Row(f"{work}, memory", "MB", ours["megabytes"], "low", peer["megabytes"], "DuckDB")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=_COUNT, help="rows of the file")
    add_rows_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours, peer = measure(Path(folder) / "executions.parquet", options.count)
    write_rows(options.rows, table_rows(ours, peer, options.count))
    for name, used in (("backtest", ours), ("DuckDB", peer)):
        spent = f"{used['seconds']:6.1f} s {used['cpu']:6.1f} s of processor"
        print(f"{name:9} {spent} {1e6 * used['cpu'] / options.count:6.3f} µs a row {used['megabytes']:6.0f} MB")
    print(f"{'ratio':9} {ours['cpu'] / peer['cpu']:.1f} × in processor time")


if __name__ == "__main__":
    exit_on_sigterm()
    main()
