"""An archived day is loaded back into the log: the same answers, each row once, and it is archived again later."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from collector.storage.archive.restorer import ErasureUnderWay
from shared.testing.clock import FakeClock
from tests.integration.collector.test_archive import Archiving, answers, fill
from tests.support.databases import psql

AGE = 40
KEEP = timedelta(days=7)


@pytest.fixture
async def archived(
    migrated_dsn: Callable[..., str], clock: FakeClock, tmp_path: Path, instance: Any, add_key: Callable[..., str]
) -> AsyncIterator[Archiving]:
    """Five executions and their feedback, all in the archive."""
    async with fill(migrated_dsn("collector"), clock, tmp_path, instance, add_key) as found:
        found.grow_old(days=AGE)
        await found.archive()
        assert (found.collector.count("execution_log"), found.collector.count("feedback_log")) == (0, 0)
        yield found


def in_log(found: Archiving) -> tuple[int, int]:
    return found.collector.count("execution_log"), found.collector.count("feedback_log")


def files_of(found: Archiving) -> int:
    return int(psql(found.collector.dsn, "SELECT count(*) FROM collector.archived_files WHERE replaced_at IS NULL"))


async def restore(found: Archiving, project: str = "shop") -> Any:
    archive, now = found.collector.parts.archive, found.collector.clock.now()
    assert archive is not None
    return await archive.restore_day(project, (now - timedelta(days=AGE)).date(), now, KEEP)


async def test_a_day_is_in_the_log_again_and_archived_later(archived: Archiving) -> None:
    before, days = await answers(archived), archived.collector.count("archived_days")
    restored = await restore(archived)
    assert in_log(archived) == (restored.executions, restored.feedback)
    assert (restored.executions, restored.feedback > 0, files_of(archived)) == (5, True, 0)
    assert archived.collector.count("archived_days") == 0
    assert await answers(archived) == before
    # `grow_old` had changed the column only, and not the event from which the execution was restored.
    psql(
        archived.collector.dsn, f"UPDATE collector.execution_log SET received_at = received_at - interval '{AGE} days'"
    )
    await archived.archive()
    assert in_log(archived) == (restored.executions, restored.feedback), "it is kept"
    assert await restore(archived) == (0, 0)
    archived.collector.clock.advance(KEEP + timedelta(minutes=1))
    await archived.archive()
    assert in_log(archived) == (0, 0)
    assert archived.collector.count("archived_days") == days
    assert archived.collector.count("restored_days") == 0
    assert await answers(archived) == before


async def test_another_project_s_day_stays(archived: Archiving) -> None:
    assert await restore(archived, "bank") == (0, 0)
    assert files_of(archived) > 0


async def test_completed_in_the_meantime_is_merged(archived: Archiving) -> None:
    """An execution that was completed after it was archived is in both, and then in the log as one."""
    event = await archived.get("/v1/executions/a")
    await archived.collector.put("a", {"target": event["target"], "attributes": {"late": "yes"}})
    before = await archived.get("/v1/executions/a")
    await restore(archived)
    assert await archived.get("/v1/executions/a") == before
    assert archived.collector.count("execution_log") == 5


async def test_nothing_is_loaded_while_a_user_is_erased(archived: Archiving) -> None:
    psql(
        archived.collector.dsn,
        f"""INSERT INTO collector.erasures (id, project, environment, subject, requested_by, key_id, requested_at)
            VALUES ('{uuid4()}', 'shop', 'production', 'k1:x', 'ada', 'k', now())""",
    )
    with pytest.raises(ErasureUnderWay):
        await restore(archived)
    assert in_log(archived) == (0, 0)


async def test_a_damaged_file_stays_in_the_archive(archived: Archiving) -> None:
    psql(archived.collector.dsn, "UPDATE collector.archived_files SET row_count = row_count + 1")
    with pytest.raises(Exception, match="rows instead of"):
        await restore(archived)
    assert in_log(archived) == (0, 0)
    assert files_of(archived) > 0
