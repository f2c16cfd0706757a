"""Erasure of a user from archived files: only their rows go, and a process killed at any step leaves no half file."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from collector.domain.model import key_hash
from shared.testing.clock import FakeClock
from tests.integration.collector.test_archive import Archiving, archiving
from tests.support.databases import as_role, psql
from tests.support.erasure import files_with, tables_with
from tests.support.killed_erasure import STEPS
from tests.support.logged import deliver

MARKER = "zanzibarverse"


@pytest.fixture
async def archived(
    migrated_dsn: Callable[..., str], clock: FakeClock, tmp_path: Path, instance: Any, add_key: Callable[..., str]
) -> AsyncIterator[Archiving]:
    """Executions of two users with feedback, in files; what feedback would be joined with is gone already."""
    async with archiving(migrated_dsn("collector"), clock, tmp_path, instance, add_key) as found:
        for number in range(4):
            user, text = ("u", MARKER) if number % 2 else ("v", "fine")
            execution = {"id": f"e{number}", "target": "answers", "user": user, "input": text, "output": text}
            await found.collector.post("executions", execution)
            for author in ("u", "v"):
                words = MARKER if "u" in (user, author) else "fine"
                comment = {"execution_id": f"e{number}", "kind": "comment", "value": words, "user": author}
                await found.collector.post("feedback", comment)
            clock.advance(timedelta(minutes=1))
        await deliver(found.collector)
        found.grow_old()
        await found.archive()
        for table in ("executions", "outbox", "current_feedback"):
            psql(found.collector.dsn, f"DELETE FROM collector.{table}")
        yield found


def request(found: Archiving) -> None:
    """Store an erasure as the route does."""
    key = psql(found.collector.dsn, "SELECT encode(secret, 'hex') FROM collector.user_keys")
    assert key
    cached = found.collector.parts.pseudonym_key.cached
    assert cached is not None
    subject = cached.pseudonym("shop", "u")
    psql(
        found.collector.dsn,
        f"""INSERT INTO collector.erasures (id, project, environment, subject, requested_by, key_id, requested_at)
            VALUES ('{uuid4()}', 'shop', 'production', '{subject}', 'ada', 'k', now());
            INSERT INTO collector.erased_subjects (key, erasure_id) VALUES ('shop/{subject}', '{uuid4()}')""",
    )


async def shown(found: Archiving) -> list[tuple[str, int]]:
    """Return the ids and numbers of feedback that the list has."""
    return [(item["id"], len(item["feedback"])) for item in (await found.get("/v1/executions"))["items"]]


async def test_archived_rows_of_the_user_are_gone_and_counts_stay(archived: Archiving) -> None:
    job, clock = archived.collector.parts.erasure_job, archived.collector.clock
    assert await shown(archived) == [(f"e{number}", 2) for number in (3, 2, 1, 0)]
    assert files_with(archived.folder, MARKER)
    days = "SELECT sum(executions) FROM collector.archived_days"
    assert psql(archived.collector.dsn, days) == "4"
    request(archived)
    assert await job.run_once(), "the replaced files may still be read by queries"
    assert await shown(archived) == [("e2", 1), ("e0", 1)]
    assert len(archived.files()) == 4
    clock.advance(timedelta(minutes=6))
    assert not await job.run_once()
    assert len(archived.files()) == 2
    assert files_with(archived.folder.parent, MARKER) == []
    assert await tables_with(archived.collector.dsn, MARKER) == {}
    assert psql(archived.collector.dsn, days) == "4"
    (report,) = archived.collector.events("erasure.completed")
    erased = {kind: count for kind, count in report["erased"].items() if count}
    assert erased == {"archived_executions": 2, "archived_feedback": 6, "archive_files": 2}
    assert await shown(archived) == [("e2", 1), ("e0", 1)]


async def test_file_with_rows_of_the_user_only_leaves_no_file(archived: Archiving) -> None:
    psql(archived.collector.dsn, "DELETE FROM collector.archived_files WHERE kind = 'executions'")
    reference = key_hash("shop", "production", "execution", "e1").hex()
    request(archived)
    psql(
        archived.collector.dsn,
        f"INSERT INTO collector.erasure_references SELECT id, '{reference}' FROM collector.erasures",
    )
    for number in (0, 2, 3):
        other = key_hash("shop", "production", "execution", f"e{number}").hex()
        psql(
            archived.collector.dsn,
            f"INSERT INTO collector.erasure_references SELECT id, '{other}' FROM collector.erasures",
        )
    await archived.collector.parts.erasure_job.run_once()
    assert (
        psql(archived.collector.dsn, "SELECT count(*) FROM collector.archived_files WHERE replaced_at IS NULL") == "0"
    )


async def test_process_killed_at_any_step_leaves_old_or_new_files(archived: Archiving) -> None:
    collector = archived.collector
    request(archived)
    settings = json.dumps({
        "database_url": as_role(collector.dsn, "ratchet_collector"), "kafka_bootstrap": "127.0.0.1:9",
        "archive_url": str(archived.folder), "archive_folder": str(archived.folder.with_name("work")),
    })  # fmt: skip
    for step in STEPS:
        if "deleted" in step:
            assert await collector.parts.erasure_job.run_once(), "the replaced files are kept for some minutes"
        collector.clock.advance(timedelta(minutes=6))
        now = collector.clock.now()
        command = [sys.executable, "-m", "tests.support.killed_erasure", settings, now.isoformat(), step]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL, (step, done.stderr)
        kept = [item for item in await shown(archived) if item[0] in ("e0", "e2")]
        assert [name for name, _ in kept] == ["e2", "e0"], step
    for _ in range(3):
        collector.clock.advance(timedelta(minutes=6))
        await collector.parts.erasure_job.run_once()
    assert await shown(archived) == [("e2", 1), ("e0", 1)]
    (report,) = collector.events("erasure.completed")
    assert report["erased"]["archived_executions"] == 2, "counted once"
    archive = collector.parts.archive
    assert archive is not None
    await archive.delete_expired(collector.clock.now() + timedelta(days=4000))
    assert files_with(archived.folder.parent, MARKER) == []
