"""The tuning API of templates: its answers are golden files, and a grant applies what it proposes."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from proposer.app import build_app
from proposer.domain.tuning_settings import TuningSettings
from proposer.settings import ProposerSettings
from proposer.storage.tables import keys
from proposer.storage.tuning_settings import TuningSettingsRepository
from proposer.template_tuner import TemplateTuner
from shared.auth.principal import hash_secret
from shared.events.proposals import ProposalReady
from shared.testing.clock import FakeClock
from tests.integration.proposer.test_examples import went_live
from tests.support.api_document import service_check
from tests.support.eventually import eventually
from tests.support.proposer import NOW, feedback, live, slotted
from tests.support.proposer_service import Proposer

GOLDEN = json.loads(Path(__file__).with_name("tuning_answers.json").read_text())
ROOT = "/api/v1/prompts/templates"


@pytest.fixture
async def api(settings: ProposerSettings, engine: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an admin's key."""
    async with engine.begin() as conn:
        for key_id, scopes in (("reader", ["read"]), ("admin", ["admin"])):
            row = {"key_id": key_id, "revision": 1, "secret_hash": hash_secret("s"), "subject": key_id}
            more = {"subject_kind": "person", "project": "acme", "environment": "production", "revoked": False}
            await conn.execute(insert(keys).values(**row, **more, scopes=scopes))
    waiting = settings.model_copy(update={"grant_seconds": 0.3})
    transport = httpx.ASGITransport(build_app(waiting, FakeClock(NOW)))
    headers = {"authorization": "Bearer rk_admin_s"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=headers, event_hooks=service_check("proposer")
    ) as client:
        yield client


async def rated(proposer: Proposer) -> None:
    """Deliver a prompt and two answers that are rated too low for real time."""
    await proposer.deliver(live(slotted()))
    await proposer.deliver(*(feedback(n, kind="rating", value=4.0 + n / 10) for n in range(2)))
    assert await proposer.emitted() == []


def without_ids(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "proposal_ids": len(answer["proposal_ids"])}


async def test_tuning_without_a_grant_proposes(api: httpx.AsyncClient, proposer: Proposer) -> None:
    await rated(proposer)
    body = {"max_examples": 5, "min_rating": 4.0, "time_window_days": 30}
    answer = await api.post(f"{ROOT}/answer/auto-tune", json=body)
    assert (answer.status_code, without_ids(answer.json())) == (200, GOLDEN["proposed"])
    again = await api.post(f"{ROOT}/answer/auto-tune", json=body)
    assert again.json()["proposal_ids"] == answer.json()["proposal_ids"], "the same set is proposed once"
    everything = await api.post(f"{ROOT}/auto-tune-all")
    assert everything.json() == GOLDEN["all"]


async def test_tuning_under_a_grant_counts_what_was_applied(settings: ProposerSettings, proposer: Proposer,
                                                            api: httpx.AsyncClient) -> None:  # fmt: skip
    await rated(proposer)

    async def apply_proposal() -> None:
        async def proposal() -> ProposalReady | None:
            return next((e for e in await proposer.emitted() if isinstance(e, ProposalReady)), None)

        ready = await eventually(proposal)
        assert ready is not None
        await proposer.deliver(went_live(ready, 2))

    app = build_app(settings.model_copy(update={"grant_seconds": 30}), FakeClock(NOW))
    headers = {"authorization": "Bearer rk_admin_s"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://test",
        headers=headers,
        event_hooks=service_check("proposer"),
    ) as patient:
        answer, _ = await asyncio.gather(patient.post(f"{ROOT}/answer/auto-tune", json={}), apply_proposal())
    assert without_ids(answer.json()) == GOLDEN["applied"]
    unchanged = (await api.post(f"{ROOT}/answer/auto-tune")).json()
    assert (unchanged["status"], unchanged["added_count"], unchanged["total_examples"]) == ("unchanged", 0, 2)


async def test_candidates_and_template(api: httpx.AsyncClient, proposer: Proposer) -> None:
    await rated(proposer)
    assert (await api.get(f"{ROOT}/answer/tuning-candidates", params={"min_rating": 4.05})).json() == GOLDEN[
        "candidates"
    ]
    template = (await api.get(f"{ROOT}/answer")).json()
    assert {**template, "document": None} == {**GOLDEN["template"], "digest": slotted().digest}


async def test_limits_of_a_run_are_kept(api: httpx.AsyncClient, proposer: Proposer) -> None:
    await rated(proposer)
    one = (await api.post(f"{ROOT}/answer/auto-tune", json={"max_examples": 1})).json()
    assert len(one["examples"]) == 1
    wrong = await api.post(f"{ROOT}/answer/auto-tune", json={"min_rating": 3})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "min_rating")


@pytest.mark.parametrize(
    ("path", "method"), [("/x", "GET"), ("/x/auto-tune", "POST"), ("/a%2Fb", "GET"), ("/a%00", "GET")]
)
async def test_unknown_template_and_other_keys(api: httpx.AsyncClient, path: str, method: str) -> None:
    assert (await api.request(method, ROOT + path)).json()["code"] == "template-unknown"
    reader = {"authorization": "Bearer rk_reader_s"}
    assert (await api.request(method, ROOT + path, headers=reader)).status_code == 403


async def test_schedule_runs_once_with_two_instances_and_after_a_restart(engine: AsyncEngine) -> None:
    first, second = Proposer(engine), Proposer(engine)
    await rated(first)
    async with first.store.begin() as tx:
        settings = TuningSettings(schedule="30 12 * * *", time_zone="UTC")
        await TuningSettingsRepository(tx.conn).save("acme", "production", "bot", settings, "ann", NOW)
    tuners = [TemplateTuner(each.store, each.service, each.clock, 0) for each in (first, second)]
    assert [await each.run_schedules() for each in tuners] == [0, 0]
    for each in (first, second):
        each.clock.advance(timedelta(days=3))  # no instance was running: what was missed is done once
    assert sum(await asyncio.gather(*(each.run_schedules() for each in tuners))) == 1
    assert len(await first.emitted()) == 1
    rows = await first.rows("SELECT next_run_at FROM proposer.tuning_settings")
    assert rows == [(NOW + timedelta(days=3, minutes=30),)]
