"""A user who is in every store is erased: afterwards nothing has their text, and a late event adds nothing."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from collector.app import build_archive
from collector.maintenance import ArchiveMaintenance
from collector.settings import CollectorSettings
from ratchet import Ratchet
from shared.runtime.clock import SystemClock
from shared.service.service_app import Platform
from tests.e2e.test_grant_local import NAME, first_version, give_grant
from tests.support.databases import as_role, psql
from tests.support.erasure import files_with, tables_with
from tests.support.eventually import PATIENCE_S, eventually_sync
from tests.support.full_loop import Site
from tests.support.in_process import InProcessSystem, in_process_system

MARKER = "zanzibarverse"
USER = "user-whose-plain-id-is-nowhere"


@pytest.fixture
def system(tmp_path: Path) -> Iterator[InProcessSystem]:
    with in_process_system(tmp_path / "data") as running:
        yield running


def use(app: Ratchet, number: int, user: str, words: str) -> None:
    """Record an answer that its user likes and comments on, with consent to learning."""
    run = app.record(
        prompts=[app.prompt(NAME)], input=f"mail {number} {words}", output=f"reply {number} {words}", user=user,
        id=f"e-{number}", contexts=[f"context {words}"], session=f"{words}-session", consent={"learning": True},
    )  # fmt: skip
    app.feedback(run, kind="rating", value=5, comment=f"comment {words}", user=user, consent={"learning": True})
    app.feedback(run, kind="comment", value=f"said {words}", user=user)
    assert app.flush(60)


def archive_old(system: InProcessSystem) -> None:
    """Archive one execution of the user with its feedback, as if it was received 40 days ago."""
    for table in ("execution_log", "feedback_log"):
        psql(
            system.dsn,
            f"""UPDATE collector.{table} SET received_at = received_at - interval '40 days'
                WHERE reference IN (SELECT reference FROM collector.execution_log WHERE session LIKE '%{MARKER}%'
                                    ORDER BY occurred_at LIMIT 1)""",
        )
    asyncio.run(_export(system))
    assert len(files_with(system.archive, MARKER)) == 2


async def _export(system: InProcessSystem) -> None:
    settings = CollectorSettings(
        database_url=as_role(system.dsn, "ratchet_collector"), kafka_bootstrap="127.0.0.1:9",
        archive_url=str(system.archive / "files"), archive_folder=str(system.archive / "work"),
    )  # fmt: skip
    platform = Platform.create(settings, SystemClock())
    archive = build_archive(platform, settings)
    assert archive is not None
    try:
        while await ArchiveMaintenance(archive, SystemClock()).run_once():
            pass
    finally:
        await archive.workers.close()
        await platform.engine.dispose()


def publish_cases(site: Site) -> None:
    """Publish a golden set with cases of both users' executions; the first one's is in the archive by now."""
    headers = {"authorization": f"Bearer {site.admin_key}"}
    made = httpx.put(f"{site.url}/v1/datasets/mails", json={"target": "mail-bot"}, headers=headers, timeout=PATIENCE_S)
    assert made.status_code == 201, made.text
    words = {1: MARKER, 2: "harmless", 3: MARKER}
    cases = [
        {"id": f"c-{number}", "input": f"mail {number} {word}", "origin": f"e-{number}",
         "evaluators": [{"name": "contains", "values": [word]}]}
        for number, word in words.items()
    ]  # fmt: skip
    added = site.post("/v1/datasets/mails/cases", {"cases": cases}, site.admin_key)
    assert added.json()["added"] == 3, added.text
    review = {"state": "accepted", "cases": [case["id"] for case in cases]}
    assert site.post("/v1/datasets/mails/reviews", review, site.admin_key).status_code == 200
    assert site.post("/v1/datasets/mails/versions", {}, site.admin_key).status_code == 201


async def redis_texts(url: str) -> str:
    """Return everything that Redis holds."""
    redis = Redis.from_url(url)
    try:
        return str([await redis.dump(key) for key in await redis.keys()])
    finally:
        await redis.aclose()


def erasure_of(site: Site, erasure_id: str) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {site.admin_key}"}
    found: dict[str, Any] = httpx.get(
        f"{site.url}/v1/erasures/{erasure_id}", headers=headers, timeout=PATIENCE_S
    ).json()
    return found


def finished(system: InProcessSystem, erasure_id: str) -> dict[str, Any] | None:
    """Return the erasure once it is complete. Replaced files are deleted at once instead of after five minutes."""
    psql(system.dsn, "UPDATE collector.archived_files SET replaced_at = replaced_at - interval '6 minutes'")
    found = erasure_of(system.site, erasure_id)
    return found if found["complete"] else None


def test_user_in_every_store_is_erased_and_stays_so(system: InProcessSystem) -> None:
    site = system.site
    first_version(site)
    give_grant(site, count=10)
    with site.client() as app:
        eventually_sync(lambda: app.prompt(NAME, "Reply: {{mail}}").live)
        use(app, 1, USER, MARKER)
        eventually_sync(lambda: MARKER in app.prompt(NAME).text(mail="hello"))
        use(app, 2, "somebody-else", "harmless")
        use(app, 3, USER, MARKER)
        eventually_sync(lambda: "harmless" in app.prompt(NAME).text(mail="hello"))
        eventually_sync(lambda: psql(system.dsn, "SELECT count(*) FROM collector.feedback_log") == "6")
        archive_old(system)
        publish_cases(site)
        before = asyncio.run(tables_with(system.dsn, MARKER))
        assert {"collector", "proposer", "gatekeeper", "evaluator"} <= {table.partition(".")[0] for table in before}

        requested = site.post("/v1/erasures", {"user_id": USER}, site.admin_key)
        assert requested.status_code == 202, requested.text
        erasure_id = requested.json()["id"]
        eventually_sync(lambda: MARKER not in app.prompt(NAME).text(mail="hello"), within=60)
        assert "harmless" in app.prompt(NAME).text(mail="hello")
        done = eventually_sync(lambda: finished(system, erasure_id), within=90) or {}
        assert done["waits_for"] == []
        erased = {each["service"]: each["erased"] for each in done["services"]}
        assert (erased["collector"]["archived_executions"], erased["gatekeeper"]["live_versions"]) == (1, 1)
        assert (erased["evaluator"]["cases"], erased["evaluator"]["versions"]) == (2, 1)
        dataset = site.get("/v1/datasets/mails")
        assert (dataset["latest"]["version"], dataset["latest"]["cases"]) == (2, 1)

        assert_nothing_left(system)
        late = {"id": "late", "target": "mail-bot", "user": USER, "input": MARKER}
        answer = site.post("/v1/executions", late, site.ingest_key)
        assert answer.json()["status"] == "erased"
        use(app, 4, "somebody-else", "harmless")
        eventually_sync(lambda: psql(system.dsn, "SELECT count(*) FROM collector.feedback_log") == "4")
        assert_nothing_left(system)
    assert site.get("/v1/audit/verify")["ok"] is True


def assert_nothing_left(system: InProcessSystem) -> None:
    assert asyncio.run(tables_with(system.dsn, MARKER, USER)) == {}
    assert files_with(system.archive, MARKER, USER) == []
    assert MARKER not in asyncio.run(redis_texts(system.redis_url))
    entries = json.dumps(system.site.items("/v1/audit?limit=1000"))
    assert MARKER not in entries
    assert "erasure.performed" in entries
