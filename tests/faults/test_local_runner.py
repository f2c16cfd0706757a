"""`make run` is killed and restarted repeatedly under load: its broker loses all data each time, PostgreSQL none."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ratchet_local.data_dir import DataDir
from ratchet_local.postgres import Postgres
from tests.support import fork_server
from tests.support.eventually import eventually
from tests.support.load import Load, posts
from tests.support.local import LocalRunner
from tests.support.migrated_data import make_migrated
from tests.support.soak import scaled
from tests.support.summary import count_unprocessed_events, pending_rows, verify_counts

_KILLS = scaled(8, 20)
_POSTS_PER_START = 30


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[LocalRunner]:
    runner = LocalRunner(make_migrated(tmp_path / "data"), start_process=fork_server.start)
    runner.start()
    yield runner
    runner.stop_all()


@pytest.mark.postgres
@pytest.mark.timeout(1200)
async def test_kills_lose_no_event_and_count_none_twice(runner: LocalRunner) -> None:
    work = posts((_KILLS + 4) * _POSTS_PER_START, "post")
    load = Load([runner.url], runner.credentials["ingest_key"], work, rate=50)
    data_dir = DataDir(runner.folder)
    dsn = Postgres(data_dir.postgres, data_dir.log("postgres")).dsn()
    async with asyncio.TaskGroup() as running:
        running.create_task(load.run(within=600))
        for start_number in range(1, _KILLS + 1):
            await load.wait_for_acknowledged(start_number * _POSTS_PER_START)
            assert not load.done, f"no post left for kill {start_number}"
            runner.kill()
            await asyncio.to_thread(runner.start)

    async def nothing_pending() -> bool:
        waiting, missing = await pending_rows(dsn), await count_unprocessed_events(dsn)
        assert not waiting, f"waiting: {waiting}"
        assert not missing, f"{missing} unprocessed events"
        return True

    await eventually(nothing_pending)
    print(f"\n{load}")
    verdict = await verify_counts(dsn, load)
    assert (verdict.lost, verdict.twice, verdict.altered) == ((), (), ())
    assert load.retried >= _KILLS, f"not every kill interrupted a post: {load}"
