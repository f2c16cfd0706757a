"""The archive when processes die and files are lost: no row is lost or shown twice, and no list is silently shorter."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.testing.clock import FakeClock
from tests.integration.collector.test_archive import Archiving, archiving
from tests.support.databases import as_role
from tests.support.killed_export import STEPS
from tests.support.logged import deliver


@pytest.fixture
async def filled(
    migrated_dsn: Callable[..., str], clock: FakeClock, tmp_path: Path, instance: Any, add_key: Callable[..., str]
) -> AsyncIterator[Archiving]:
    """Three old executions and a new one, with feedback, all in the log."""
    async with archiving(migrated_dsn("collector"), clock, tmp_path, instance, add_key) as found:
        for number in range(4):
            await found.collector.post("executions", {"id": f"e{number}", "target": "answers", "input": "x" * 500})
            await found.collector.post("feedback", {"execution_id": f"e{number}", "kind": "thumb", "value": True})
            clock.advance(timedelta(minutes=1))
        await deliver(found.collector)
        found.grow_old("occurred_at < '2026-11-21 12:02:30Z'")
        yield found


async def shown(found: Archiving) -> list[tuple[str, int]]:
    """Return the ids and numbers of feedback that the list has."""
    return [(item["id"], len(item["feedback"])) for item in (await found.get("/v1/executions"))["items"]]


EVERYTHING = [("e3", 1), ("e2", 1), ("e1", 1), ("e0", 1)]


async def test_process_killed_at_any_step_loses_and_repeats_nothing(filled: Archiving) -> None:
    collector = filled.collector
    settings = json.dumps({
        "database_url": as_role(collector.dsn, "ratchet_collector"), "kafka_bootstrap": "127.0.0.1:9",
        "archive_url": str(filled.folder), "archive_folder": str(filled.folder.with_name("work")),
    })  # fmt: skip
    for step in STEPS:
        command = [sys.executable, "-m", "tests.support.killed_export", settings, collector.clock.now().isoformat()]
        done = await asyncio.to_thread(subprocess.run, [*command, step], capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL, (step, done.stderr)
        assert await shown(filled) == EVERYTHING, step
    assert (collector.count("execution_log"), collector.count("feedback_log")) == (1, 1)
    assert collector.count("archived_files") == 2
    archive = collector.parts.archive
    assert archive is not None
    assert len(filled.files()) > 2
    assert list(filled.folder.with_name("work").glob("export-*"))
    await archive.delete_expired(datetime.now(UTC) + timedelta(days=2))
    assert len(filled.files()) == 2
    assert not list(filled.folder.rglob("*.new"))
    assert not list(filled.folder.with_name("work").glob("export-*"))
    assert await shown(filled) == EVERYTHING


@pytest.mark.parametrize("fault", ["missing", "damaged"])
async def test_unreadable_file_is_an_error_and_not_a_shorter_list(filled: Archiving, fault: str) -> None:
    await filled.archive()
    for file in filled.files():
        if fault == "missing":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[:-200])
    for path in ("", "/e0"):
        answer = await filled.reader.get(f"/v1/executions{path}")
        assert (answer.status_code, answer.json()["code"]) == (503, "archive-unavailable"), path
    with pytest.raises(RuntimeError, match="response already started"):  # a server ends it without its last chunk
        await filled.reader.get("/v1/executions/export")
    metrics = (await filled.reader.get("/metrics")).text
    assert f'ratchet_archive_errors_total{{reason="{fault}"}}' in metrics
    recent = await filled.get("/v1/executions", since="2026-11-21T12:02:45Z")
    assert [item["id"] for item in recent["items"]] == ["e3"]
    assert (await filled.get("/v1/executions", limit=1))["items"][0]["id"] == "e3"
    assert (await filled.get("/v1/executions/e3"))["id"] == "e3"
