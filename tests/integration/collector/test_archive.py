"""The archive of executions: the same answers after rows have moved into files, and nothing lost or twice."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from collector.app import build_app
from collector.maintenance import ArchiveMaintenance
from collector.settings import CollectorSettings
from shared.testing.clock import FakeClock
from tests.integration.collector.test_execution_search import FEEDBACK, FILTERS, FIRST
from tests.support.databases import as_role, psql
from tests.support.logged import deliver

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running


@dataclass
class Archiving:
    """A collector with an archive in a folder, and a client that reads."""

    collector: "Running"
    reader: httpx.AsyncClient
    folder: Path

    async def archive(self) -> None:
        """Move everything that is old enough."""
        archive = self.collector.parts.archive
        assert archive is not None
        while await ArchiveMaintenance(archive, self.collector.clock).run_once():
            pass

    def grow_old(self, condition: str = "true", days: int = 40) -> None:
        """Make rows of the log older, by the time of their receipt."""
        for table in ("execution_log", "feedback_log"):
            psql(
                self.collector.dsn,
                f"""UPDATE collector.{table} SET received_at = received_at - interval '{days} days'
                    WHERE reference IN (SELECT reference FROM collector.execution_log WHERE {condition})""",
            )

    def files(self) -> list[Path]:
        return sorted(self.folder.rglob("*.parquet"))

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.reader.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def archiving(
    dsn: str, clock: FakeClock, folder: Path, instance: Callable[..., Any], add_key: Callable[..., str], **settings: Any
) -> AsyncIterator[Archiving]:
    settings |= {"archive_url": str(folder / "files"), "archive_folder": str(folder / "work")}
    role = as_role(dsn, "ratchet_collector")
    async with instance(dsn, clock, **settings) as collector:
        collector.keys["ingest"] = add_key(dsn, "ingest", "ingest")
        headers = {"Authorization": f"Bearer {add_key(dsn, 'reader', 'read')}"}
        app = build_app(CollectorSettings(database_url=role, kafka_bootstrap="127.0.0.1:9", **settings), clock)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://collector", headers=headers) as reader:
            yield Archiving(collector, reader, folder / "files")
        await collector.parts.archive.workers.close()
        await app.state.keys._engine.dispose()


PREFERENCE = {
    "execution_id": "d", "kind": "preference", "value": {"rejected": "no"}, "user": "u",
}  # fmt: skip
Open = Callable[..., AbstractAsyncContextManager[Archiving]]


@asynccontextmanager
async def fill(
    dsn: str, clock: FakeClock, folder: Path, instance: Callable[..., Any], add_key: Callable[..., str]
) -> AsyncIterator[Archiving]:
    """Five executions, a minute apart, and feedback, all in the log."""
    async with archiving(dsn, clock, folder, instance, add_key) as found:
        for body in FIRST:
            await found.collector.post("executions", body)
            found.collector.clock.advance(timedelta(minutes=1))
        for each in (*FEEDBACK, PREFERENCE):
            assert (await found.collector.post("feedback", each)).status_code == 200
        await deliver(found.collector)
        yield found


@pytest.fixture
async def filled(
    migrated_dsn: Callable[..., str], clock: FakeClock, tmp_path: Path, instance: Any, add_key: Callable[..., str]
) -> AsyncIterator[Archiving]:
    async with fill(migrated_dsn("collector"), clock, tmp_path, instance, add_key) as found:
        yield found


def without_times_of_receipt(found: Any) -> Any:
    """Return an answer without what `grow_old` changes."""
    if isinstance(found, dict):
        return {key: without_times_of_receipt(it) for key, it in found.items() if key not in ("received_at", "next")}
    return [without_times_of_receipt(it) for it in found] if isinstance(found, list) else found


async def answers(found: Archiving) -> Sequence[Any]:
    """Return what every filter, the export, the executions themselves and a trace answer."""
    lists = [await found.get("/v1/executions", **params) for params, _ in FILTERS]
    single = [await found.get(f"/v1/executions/{body['id']}") for body in FIRST]
    export = (await found.reader.get("/v1/executions/export")).text.splitlines()
    trace = await found.get("/v1/traces/t")
    found_answers: list[Any] = without_times_of_receipt([*lists, *single, len(export), trace])
    return found_answers


@pytest.mark.parametrize("old", ["true", "target = 'search'"])
async def test_every_filter_finds_the_same_in_log_and_archive(filled: Archiving, old: str) -> None:
    before = await answers(filled)
    filled.grow_old(old)
    await filled.archive()
    assert filled.collector.count("execution_log") == {"true": 0, "target = 'search'": 2}[old]
    for known, found in zip(before, await answers(filled), strict=True):
        assert found == known
    for params, expected in FILTERS:
        items = (await filled.get("/v1/executions", **params))["items"]
        assert "".join(item["id"] for item in items) == expected, params
