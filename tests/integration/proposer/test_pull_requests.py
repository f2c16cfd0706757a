"""From a proposal to a draft pull request, and what becomes of it. The forges are fakes with the clients' contract."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from proposer.domain.boundary_checks import MANAGED
from proposer.domain.model import PromptKey
from proposer.domain.prompt_homes import DeclaredTarget, Hosting, PromptHome
from proposer.domain.tuning_settings import TuningSettings
from proposer.forges.github import GitHub
from proposer.forges.gitlab import GitLab
from proposer.forges.repositories import Repositories
from proposer.pull_request_worker import PullRequestWorker
from proposer.storage.pull_request_queries import list_pull_requests, list_repository_texts
from proposer.storage.report_folder import ReportFolder
from proposer.storage.tuning_settings import TuningSettingsRepository
from ratchet.prompt import Prompt, parse
from shared.events.evaluation import EvaluationCompleted
from shared.events.feedback import PromptObserved
from shared.events.proposals import ProposalDecided, ProposalReady, ProposalWithdrawn
from shared.events.quality import Cause, RegressionResolved
from tests.support.forges import FakeForge, FakeGitHub, FakeGitLab
from tests.support.proposer import KEY, NOW, cause, execution, feedback, live, prompt, regression, slotted
from tests.support.proposer_service import Proposer

PATH = "prompts/answer.txt"
HOME = PromptHome(KEY, "forge", "acme/app", "main", PATH, "text", ("prompts/*",), ("ratchet",))
GOOD = prompt("You are a clerk.", "Cite your sources.", "Be brief.")
BAD = prompt("You are a clerk.", "Be brief.", "Use emojis.")
FIXED = "You are a clerk.\nCite your sources.\nBe brief.\nUse emojis.\n"
FELL = regression(cause(GOOD.digest, BAD.digest))
BRANCH = "self-improving/bot-20260101-1200"


@dataclass
class Site:
    """A proposer with its worker, and the repository that the prompt lives in."""

    proposer: Proposer
    worker: PullRequestWorker
    fake: FakeForge

    async def propose(self) -> ProposalReady:
        """Have a regression lead to a proposal."""
        await self.proposer.deliver(observed(GOOD), observed(BAD, 1))
        await self.proposer.deliver(FELL)
        (ready,) = [e for e in await self.proposer.emitted() if isinstance(e, ProposalReady)]
        return ready

    async def allow(self, settings: TuningSettings) -> None:
        """Declare which answers the target allows to be used."""
        async with self.proposer.store.begin() as tx:
            await TuningSettingsRepository(tx.conn).save("acme", "production", "bot", settings, "ann", NOW)

    async def later(self, seconds: float = 3600) -> None:
        """Let time pass, and work on what is due then."""
        self.proposer.clock.advance(timedelta(seconds=seconds))
        await self.worker.run()

    async def pull(self) -> Mapping[str, Any]:
        """Return the only pull request as the API shows it."""
        async with self.proposer.engine.connect() as conn:
            (found,) = await list_pull_requests(conn, (KEY.project, KEY.environment), None, None, None, 10)
        return found


def observed(document: Prompt, minutes: int = 0) -> PromptObserved:
    return PromptObserved(
        project="acme", environment="production", target="bot", name="answer", digest=document.digest,
        document=document.to_dict(), first_seen=NOW + timedelta(minutes=minutes),
    )  # fmt: skip


def evaluated(ready: ProposalReady, verdict: str) -> EvaluationCompleted:
    return EvaluationCompleted(
        project="acme", environment="production", target="bot", evaluation_id=uuid4(), proposal_id=ready.proposal_id,
        name="answer", base_digest=ready.base_digest, digest=ready.digest, verdict=verdict, reason="of 120 cases",
        report_digest="sha256:r", dataset="golden", dataset_digest="sha256:d", cases=120, excluded=3,
        difference=0.1, low=0.05, high=0.15, completed_at=NOW,
    )  # fmt: skip


def make_site(
    engine: AsyncEngine,
    fake: FakeForge,
    model: Hosting = "self-hosted",
    reports: ReportFolder | None = None,
    home: PromptHome = HOME,
) -> Site:
    kind = GitHub if isinstance(fake, FakeGitHub) else GitLab
    homes: dict[PromptKey, PromptHome] = {KEY: home}
    declared = {("acme", "production", "bot"): DeclaredTarget("acme", "production", "bot", model)}
    proposer = Proposer(engine, homes=homes)
    repositories = Repositories(homes, declared, {"forge": kind("https://forge.test", "t", fake.transport())})
    worker = PullRequestWorker(proposer.store, proposer.service, proposer.clock, repositories, 60.0, reports)
    return Site(proposer, worker, fake)


@pytest.fixture(params=["github", "gitlab"])
def fake(request: pytest.FixtureRequest) -> FakeForge:
    found: FakeForge = FakeGitHub() if request.param == "github" else FakeGitLab()
    found.repository.commit("main", PATH, "You are a clerk.\nBe brief.\nUse emojis.\n")
    return found


@pytest.fixture
def site(engine: AsyncEngine, fake: FakeForge) -> Site:
    return make_site(engine, fake)


async def test_a_regression_becomes_a_draft_pull_request(site: Site) -> None:
    ready = await site.propose()
    assert await site.worker.run() == 1
    (pull,) = site.fake.repository.pulls
    assert pull["draft"]
    assert pull["title"] == "improve(bot): address thumb −20.0 pp regression"
    assert site.fake.repository.content(BRANCH, PATH) == FIXED
    found = await site.pull()
    assert (found["state"], found["number"], found["branch"]) == ("open", 1, BRANCH)
    assert [check["name"] for check in found["checks"] if check["passed"]] == [
        "model", "prompt_only", "data_gates", "rollback", "draft",
    ]  # fmt: skip
    assert str(ready.proposal_id) in pull["body"]


async def test_it_waits_for_the_evaluation_and_shows_it(engine: AsyncEngine, fake: FakeForge) -> None:
    site = make_site(engine, fake)
    site.proposer.service.pull_requests._wait = timedelta(minutes=30)
    ready = await site.propose()
    await site.worker.run()
    assert site.fake.repository.pulls == []
    assert (await site.pull())["reason"] == "waits for the evaluation of the proposal"
    await site.proposer.deliver(evaluated(ready, "pass"))
    await site.worker.run()
    assert "**pass** on `golden`" in site.fake.repository.pulls[0]["body"]


async def test_a_failed_evaluation_stops_or_closes_it(site: Site) -> None:
    ready = await site.propose()
    await site.worker.run()
    await site.proposer.deliver(evaluated(ready, "fail"))
    await site.worker.run()
    assert site.fake.repository.pulls[0]["state"] == "closed"
    assert (await site.pull())["state"] == "withdrawn"
    assert "of 120 cases" in site.fake.repository.comments[0]


async def test_an_evaluation_that_comes_later_is_added(site: Site) -> None:
    ready = await site.propose()
    await site.worker.run()
    assert "Not proven" in site.fake.repository.pulls[0]["body"]
    await site.proposer.deliver(evaluated(ready, "inconclusive"))
    await site.worker.run()
    assert "**inconclusive**" in site.fake.repository.pulls[0]["body"]


async def stopped(site: Site) -> str:
    await site.worker.run()
    found = await site.pull()
    assert found["state"] == "stopped"
    assert not [pull for pull in site.fake.repository.pulls if pull["state"] == "open"]
    return str(found["reason"])


async def test_a_managed_model_stops_it(engine: AsyncEngine, fake: FakeForge) -> None:
    site = make_site(engine, fake, "managed")
    await site.propose()
    assert await stopped(site) == f"model: {MANAGED}"


async def test_another_change_than_of_the_prompt_stops_it(engine: AsyncEngine, fake: FakeForge) -> None:
    site = make_site(engine, fake)
    good, bad = prompt("Cite.", model="m1"), prompt("Cite.", model="m2")
    await site.proposer.deliver(observed(good), observed(bad, 1))
    await site.proposer.deliver(regression(cause(good.digest, bad.digest)))
    assert (await stopped(site)).startswith("prompt_only: it also changes model")


async def test_traces_that_did_not_pass_all_gates_stop_it(engine: AsyncEngine, fake: FakeForge) -> None:
    site = make_site(engine, fake)
    await site.proposer.deliver(live(slotted()))
    await site.proposer.deliver(feedback(1))
    assert "region: what is allowed is not declared for the target" in await stopped(site)
    (row,) = await site.proposer.rows("SELECT proposal::text AS stored FROM proposer.pull_requests")
    assert "Question 1" not in row.stored


async def test_an_example_set_of_allowed_answers_becomes_a_reference(engine: AsyncEngine, fake: FakeForge) -> None:
    site = make_site(engine, fake, home=replace(HOME, format="json"))
    await site.allow(TuningSettings(regions=("eu",), confidentiality="internal"))
    fake.repository.commit("main", PATH, json.dumps(slotted().to_dict(), indent=2))
    await site.proposer.deliver(live(slotted()))
    known = [execution(number, region=region, confidentiality="public") for number, region in ((1, "eu"), (2, "us"))]
    await site.proposer.deliver(feedback(1, execution=known[0]), feedback(2, execution=known[1]), feedback(3))
    await site.worker.run()
    (ready,) = [e for e in await site.proposer.emitted() if isinstance(e, ProposalReady)]
    assert [example.input for example in ready.example_sets[0].examples] == ["Question 1?"]
    (pull,) = fake.repository.pulls
    assert pull["draft"]
    assert json.loads(fake.repository.content(BRANCH, PATH)) == ready.document
    assert "Question" not in fake.repository.content(BRANCH, PATH) + pull["body"]
    assert "1 traces passed PII, consent, region (eu)" in (await site.pull())["checks"][2]["evidence"]


async def test_what_a_target_allows_is_read_when_the_pull_request_is_opened(
    engine: AsyncEngine, fake: FakeForge
) -> None:
    site = make_site(engine, fake)
    await site.allow(TuningSettings(regions=("eu",), confidentiality="public"))
    await site.proposer.deliver(live(slotted()))
    await site.proposer.deliver(feedback(1, execution=execution(1, region="eu", confidentiality="public")))
    await site.allow(TuningSettings(regions=("us",), confidentiality="public"))
    assert "region: eu (1) not allowed" in await stopped(site)


async def test_a_missing_rollback_copy_stops_it(site: Site) -> None:
    await site.propose()
    async with site.proposer.engine.begin() as conn:
        await conn.execute(text("DELETE FROM proposer.documents WHERE digest = :it"), {"it": BAD.digest})
    assert (await stopped(site)).startswith("rollback: no stored copy of")


async def test_the_report_and_a_rollback_copy_are_written(engine: AsyncEngine, fake: FakeForge, tmp_path: Path) -> None:
    site = make_site(engine, fake, reports=ReportFolder(tmp_path))
    ready = await site.propose()
    await site.worker.run()
    stem = f"bot-20260101T120000Z-{ready.proposal_id.hex[:8]}"
    assert json.loads((tmp_path / f"report-{stem}.json").read_text()) == {
        "target": "bot",
        "window": "2026-01-01T11:00:00Z/2026-01-01T12:00:00Z",
        "regressions": [
            {
                "dimension": "thumb", "baseline": 0.9, "current": 0.7, "delta_pp": -20.0,
                "affected_trace_ids": ["e1", "e2"], "hypothesized_cause": "It changed.",
            }
        ],
    }  # fmt: skip
    assert parse(json.loads((tmp_path / "rollback" / f"{stem}.json").read_text())) == BAD
    assert f"rollback/{stem}.json" in (await site.pull())["checks"][3]["evidence"]
    assert f"`report-{stem}.json`" in fake.repository.pulls[0]["body"]


async def test_a_copy_that_can_not_be_read_back_stops_it(engine: AsyncEngine, fake: FakeForge, tmp_path: Path) -> None:
    reports = ReportFolder(tmp_path)
    reports.read = lambda name: b"something else"  # type: ignore[method-assign]
    site = make_site(engine, fake, reports=reports)
    await site.propose()
    assert (await stopped(site)).startswith("rollback: no stored copy of")


async def test_a_full_disk_is_waited_for(engine: AsyncEngine, fake: FakeForge, tmp_path: Path) -> None:
    (tmp_path / "rollback").write_text("a file where the folder should be")
    site = make_site(engine, fake, reports=ReportFolder(tmp_path))
    await site.propose()
    await site.worker.run()
    found = await site.pull()
    assert (found["state"], fake.repository.pulls) == ("pending", [])
    assert "the rollback copy can't be written" in found["reason"]
    (tmp_path / "rollback").unlink()
    await site.later()
    assert (await site.pull())["state"] == "open"


async def test_a_pull_request_that_is_no_draft_is_closed(site: Site) -> None:
    original = site.fake.repository.open_pull

    def open_ready(head: str, base: str, title: str, body: str, draft: bool) -> dict[str, Any] | None:
        return original(head, base, title, body, draft=False)

    site.fake.repository.open_pull = open_ready  # type: ignore[method-assign]
    await site.propose()
    assert await stopped(site) == "draft: the pull request is not a draft"


async def test_two_instances_open_one(engine: AsyncEngine, fake: FakeForge) -> None:
    one = make_site(engine, fake)
    await one.propose()
    two = make_site(engine, fake)
    assert await one.worker.run() + await two.worker.run() == 1
    assert len(fake.repository.pulls) == 1


async def test_an_instance_that_slept_saves_nothing(engine: AsyncEngine, fake: FakeForge) -> None:
    """Its lease ended while the forge answered; the other one has opened the same pull request meanwhile."""
    one, two = make_site(engine, fake), make_site(engine, fake)
    await one.propose()
    forge = one.worker._repositories.forges["forge"]
    read = forge.read_file

    async def read_slowly(home: PromptHome) -> Any:
        two.proposer.clock.advance(timedelta(seconds=700))
        await two.worker.run()
        return await read(home)

    forge.read_file = read_slowly  # type: ignore[method-assign]
    await one.worker.run()
    assert len(fake.repository.pulls) == 1
    assert (await one.pull())["state"] == "open"
    (row,) = await one.proposer.rows("SELECT token FROM proposer.pull_requests")
    assert row.token == 2


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422, 429, 500, 503])
async def test_a_forge_that_refuses_is_tried_again(site: Site, status: int) -> None:
    await site.propose()
    site.fake.fail("POST", "pulls$|merge_requests$", (status, {"message": "not now"}))
    await site.worker.run()
    found = await site.pull()
    assert found["state"] == "pending"
    assert f'{status} "not now"' in found["reason"]
    await site.later()
    found = await site.pull()
    assert (found["state"], found["reason"], found["number"]) == ("open", None, 1)


async def test_an_unreachable_forge_leaves_the_proposal_in_the_console(site: Site) -> None:
    await site.propose()
    for _ in range(3):
        site.fake.fail("GET", ".", httpx.ConnectError("no route"))
        await site.later()
        found = await site.pull()
        assert found["state"] == "pending"
        assert "ConnectError" in found["reason"]
    assert await site.proposer.rows("SELECT state FROM proposer.proposals") == [("open",)]
    await site.later()
    assert (await site.pull())["state"] == "open"


async def test_what_stays_invalid_fails(site: Site) -> None:
    await site.propose()
    for _ in range(5):
        site.fake.fail("POST", "pulls$|merge_requests$", (422, {"message": "no drafts here"}))
        await site.later()
    assert (await site.pull())["state"] == "failed"


async def test_a_merged_version_is_linked_when_it_is_observed(site: Site) -> None:
    await site.propose()
    await site.worker.run()
    site.fake.repository.merge(1)
    await site.later()
    found = await site.pull()
    assert (found["state"], found["reason"], found["in_use"]) == ("merged", "merged by ada", False)
    await site.proposer.deliver(observed(prompt(*FIXED.strip().split("\n")), 9))
    assert (await site.pull())["in_use"]


async def test_a_closed_one_withdraws_its_proposal_for_good(site: Site) -> None:
    ready = await site.propose()
    await site.worker.run()
    site.fake.repository.pulls[0]["state"] = "closed"
    await site.later()
    assert (await site.pull())["state"] == "closed"
    (gone,) = [e for e in await site.proposer.emitted() if isinstance(e, ProposalWithdrawn)]
    assert (gone.proposal_id, gone.reason, gone.revision) == (ready.proposal_id, "pull_request_closed", 2)
    await site.proposer.deliver(regression(*FELL.causes, revision=2))
    assert len([e for e in await site.proposer.emitted() if isinstance(e, ProposalReady)]) == 1


async def test_a_recovered_regression_closes_it(site: Site) -> None:
    await site.propose()
    await site.worker.run()
    await site.proposer.deliver(
        RegressionResolved(
            project="acme", environment="production", target="bot", regression_id=FELL.regression_id, revision=2,
            metric="thumb", baseline=FELL.baseline, current=FELL.baseline,
            resolved_by=Cause(kind="unknown", evidence="It recovered."),
        )
    )  # fmt: skip
    await site.worker.run()
    assert (await site.pull())["reason"] == "the proposal was withdrawn: resolved"
    assert site.fake.repository.pulls[0]["state"] == "closed"
    assert BRANCH not in site.fake.repository.branches


async def test_a_rejection_closes_it_and_an_approval_does_not(site: Site) -> None:
    ready = await site.propose()
    await site.worker.run()
    fields: dict[str, Any] = {
        "project": "acme", "environment": "production", "target": "bot", "proposal_id": ready.proposal_id,
        "revision": 2, "name": "answer", "digest": ready.digest, "by": "ada", "decision_id": uuid4(),
    }  # fmt: skip
    await site.proposer.deliver(ProposalDecided(verdict="approved", **fields))
    await site.later()
    assert (await site.pull())["state"] == "open"
    await site.proposer.deliver(ProposalDecided(verdict="rejected", **fields))
    await site.worker.run()
    assert (await site.pull())["state"] == "withdrawn"


async def test_a_moved_base_is_followed(site: Site) -> None:
    await site.propose()
    await site.worker.run()
    site.fake.repository.commit("main", "README.md", "other files do not matter")
    before = site.fake.repository.branches[BRANCH]
    await site.later()
    assert site.fake.repository.branches[BRANCH] == before
    base = site.fake.repository.commit("main", PATH, "You are a clerk.  \nBe brief.\nUse emojis.\n\n")
    await site.later()
    assert site.fake.repository.commits[site.fake.repository.branches[BRANCH]].parent == base
    assert (await site.pull())["base_sha"] == base


async def test_another_text_on_the_base_withdraws_it(site: Site) -> None:
    await site.propose()
    await site.worker.run()
    site.fake.repository.commit("main", PATH, "Something else.\n")
    await site.later()
    found = await site.pull()
    assert (found["state"], site.fake.repository.pulls[0]["state"]) == ("withdrawn", "closed")
    assert "another text" in found["reason"]


async def test_the_texts_of_repository_and_ratchet_are_compared(site: Site) -> None:
    async def same() -> Any:
        await site.later()
        async with site.proposer.engine.connect() as conn:
            (found,) = await list_repository_texts(conn, ("acme", "production"), "answer", None, 10)
        return found["same"], found["fault"]

    await site.worker.texts.declare_homes()
    await site.proposer.deliver(live(BAD))
    assert await same() == (True, None)
    site.fake.repository.commit("main", PATH, "Edited by hand.\n")
    assert await same() == (False, None)
    site.fake.fail("GET", ".", (500, {}))
    unknown, fault = await same()
    assert unknown is None
    assert "500" in fault
