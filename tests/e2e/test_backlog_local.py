"""More executions at once than the embedded broker holds: `make run` processes all of them, also after a restart."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from ratchet_local.backing_services import BackingServices
from ratchet_local.data_dir import DataDir
from tests.support import fork_server
from tests.support.databases import psql
from tests.support.eventually import eventually_sync
from tests.support.local import LocalRunner
from tests.support.migrated_data import make_migrated
from tests.support.soak import scaled

EXECUTIONS = scaled(1_000, 3_000)
FEEDBACK = scaled(300, 1_000)
TEXT = "x" * 4_000
PER_REQUEST = 100

_UNSENT = "SELECT count(*) FROM collector.outbox WHERE sent_at IS NULL"
_PROCESSED = "SELECT count(*) FROM analyzer.inbox WHERE consumer = 'analyzer.quality'"


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[LocalRunner]:
    made = LocalRunner(make_migrated(tmp_path / "data"), start_process=fork_server.start)
    made.start()
    yield made
    made.stop_all()


def query(runner: LocalRunner, sql: str) -> int:
    return int(psql(BackingServices.in_folder(DataDir(runner.folder)).postgres.dsn(), sql))


def ingest(runner: LocalRunner, path: str, items: list[dict[str, object]]) -> None:
    for start in range(0, len(items), PER_REQUEST):
        status, body = runner.post(path, items[start : start + PER_REQUEST], runner.credentials["ingest_key"])
        assert status == 200, body


def test_backlog_larger_than_the_broker_is_processed_completely(runner: LocalRunner) -> None:
    executions: list[dict[str, object]] = [
        {"id": f"e{number}", "target": f"bot-{number % 7}", "model": "m", "input": TEXT, "output": "yes"}
        for number in range(EXECUTIONS)
    ]
    feedback: list[dict[str, object]] = [
        {"execution_id": f"e{number}", "kind": "thumb", "value": "up", "id": str(UUID(int=number + 1, version=4))}
        for number in range(FEEDBACK)
    ]
    ingest(runner, "/v1/executions", executions)
    ingest(runner, "/v1/feedback", feedback)
    runner.stop()
    runner.start()
    eventually_sync(lambda: query(runner, _UNSENT) == 0, within=120)
    eventually_sync(lambda: query(runner, _PROCESSED) == EXECUTIONS + FEEDBACK, within=120)
