"""Processes that run DuckDB: those that were killed are replaced, and large rows fit into their memory."""

import os
import signal
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import shake_256
from pathlib import Path

import psutil
import pytest

from collector.storage.archive import statement_workers
from collector.storage.archive.archive_queries import files_source
from collector.storage.archive.parquet_columns import BODY
from collector.storage.archive.parquet_writer import ROW_GROUP, copy_to_parquet, row_group_size, spool_source
from collector.storage.archive.spool import Spool
from collector.storage.archive.statement_workers import WorkerDied, WorkerError, Workers, WorkerTimeout

MEMORY_MB = 256
START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[Workers]:
    found = Workers(tmp_path / "work", size=1, memory_mb=MEMORY_MB)
    yield found
    await found.close()


def processes(folder: Path) -> list[int]:
    """Return the ids of the processes that work in this folder: other tests may have left theirs."""
    return [process.pid for process in psutil.Process().children() if str(folder) in process.cmdline()]


async def test_idle_process_that_was_killed_is_replaced(workers: Workers, tmp_path: Path) -> None:
    assert await workers.run("SELECT 1", within=60) == [[1]]
    [pid] = processes(tmp_path / "work")
    os.kill(pid, signal.SIGKILL)
    assert await workers.run("SELECT 2", within=60) == [[2]]
    assert pid not in processes(tmp_path / "work")


async def test_process_that_dies_at_its_query_fails_it(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_workers, "_CODE", "import os; os._exit(3)")
    with pytest.raises(WorkerDied):
        await workers.run("SELECT 1", within=60)


async def test_start_does_not_count_as_time_of_a_query(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = f"import time; time.sleep(3); {statement_workers._CODE}"
    monkeypatch.setattr(statement_workers, "_CODE", slow)
    assert await workers.run("SELECT 1", within=2.5) == [[1]]


async def test_query_leaves_nothing_to_the_next(workers: Workers, tmp_path: Path) -> None:
    made = ["CREATE SCHEMA s", "CREATE TABLE s.t AS SELECT 7 AS x"]
    for _ in range(2):
        assert await workers.run("SELECT x FROM s.t", statements=made, within=60) == [[7]]
    with pytest.raises(WorkerError, match="CatalogException"):
        await workers.run("SELECT x FROM s.t", within=60)
    assert await workers.run("SELECT x FROM s.t", statements=made, within=60) == [[7]]
    assert len(processes(tmp_path / "work")) == 1
    with pytest.raises(WorkerTimeout):
        await workers.run("SELECT count(*) FROM range(10000000000) a, range(1000000) b", within=0.2)


@pytest.mark.parametrize("group", [None, ROW_GROUP])
async def test_large_rows_are_read_with_little_memory(workers: Workers, tmp_path: Path, group: int | None) -> None:
    """Four times 5,000 rows of 10 KB, also in row groups as large as in files of former versions."""
    spool = Spool(tmp_path / "rows.gz", "at")
    spool.add([{"at": START, "n": n, BODY: zlib.compress(large_text(n), 1)} for n in range(5_000)])
    spool.close()
    source = f"SELECT * FROM {spool_source(spool, {'at': 'TIMESTAMPTZ', 'n': 'INTEGER', BODY: 'VARCHAR'})}"
    target = tmp_path / "rows.parquet"
    await copy_to_parquet(workers, source, target, group or row_group_size(spool.rows, spool.size))
    query = f"SELECT n, {BODY} FROM {files_source([str(target)] * 4)} ORDER BY n DESC LIMIT 50"
    assert await workers.run(query, within=60) == [
        [4_999 - n // 4, large_text(4_999 - n // 4).decode()] for n in range(50)
    ]


def large_text(number: int) -> bytes:
    return shake_256(str(number).encode()).hexdigest(5_000).encode()
