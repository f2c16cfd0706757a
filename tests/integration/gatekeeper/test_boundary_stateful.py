"""Random sequences of proposals, decisions, promotions, grants, revocations, halts and rollbacks on PostgreSQL.

A model determines the expected result; after every step a check that uses none of the database's guards reads all rows:
each version that was ever live is based on exactly one valid authorisation.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.boundary_model import violations
from tests.support.databases import Databases
from tests.support.gatekeeper import World, digest, document, few_shot, world

T = TypeVar("T")
PEOPLE = {"maker_key": "maker", "reviewer_key": "reviewer", "second_key": "second"}
REVIEWERS = ("reviewer_key", "second_key")
TEXTS = [document(words, "shots") for words in ("One", "Two", "Three")]


@dataclass
class Draft:
    """A person's proposal in the model."""

    view: dict[str, Any]
    author: str
    base: str | None
    state: str = "open"


class Gatekeeping(RuleBasedStateMachine):
    """The model: live version, open proposals, halt, and the remaining uses of the grant."""

    databases: Databases

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.live: str | None = None
        self.sequence = 0
        self.halted = False
        self.drafts: list[Draft] = []
        self.ran: set[str] = set()
        self.left = 0

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def start(self) -> None:
        self.dsn = self.databases.migrated("gatekeeper")
        self.gate: World = self.wait(self.stack.enter_async_context(world(self.dsn)))
        self.set_up()

    def set_up(self) -> None:
        """Hook for further setup before the first step."""

    def teardown(self) -> None:
        self.wait(self.stack.aclose())
        self.loop.close()
        self.databases.drop(self.dsn)

    def went_live(self, now: str) -> None:
        self.live, self.sequence = now, self.sequence + 1
        self.ran.add(now)

    @rule(text=st.sampled_from(TEXTS), by=st.sampled_from(sorted(PEOPLE)), stale=st.booleans())
    def propose(self, text: dict[str, Any], by: str, stale: bool) -> None:
        base = digest(TEXTS[0]) if stale else self.live
        if digest(text) in {base, self.live}:
            body = {"name": "greeting", "target": "bot", "base_digest": base, "document": text, "why": "because"}
            answer = self.wait(self.gate.ask(by, "POST", "/v1/proposals", body))
            assert (answer.status_code, answer.json()["code"]) == (409, "no-change")
            return
        self.drafts.append(Draft(self.wait(self.gate.propose(text, base, by)), by, base))

    @precondition(lambda self: self.drafts)
    @rule(
        data=st.data(),
        by=st.sampled_from([*sorted(PEOPLE), "ingest_key"]),
        verdict=st.sampled_from(["approved"] * 3 + ["rejected"]),
        about=st.sampled_from([None, None, None, digest(TEXTS[2])]),
    )
    def decide(self, data: st.DataObject, by: str, verdict: str, about: str | None) -> None:
        draft = data.draw(st.sampled_from(self.drafts))
        answer = self.wait(self.gate.decide(draft.view, by, verdict, about))
        may = by in REVIEWERS and by != draft.author and draft.state == "open"
        may = may and about in {None, draft.view["digest"]}
        if verdict == "approved":
            may = may and not self.halted and draft.base == self.live
        assert (answer.status_code == 200) == may, answer.text
        if may:
            draft.state = verdict
            if verdict == "approved":
                self.went_live(draft.view["digest"])

    @rule(by=st.sampled_from([*sorted(PEOPLE), "ingest_key", "browser_key"]))
    def halt(self, by: str) -> None:
        answer = self.wait(self.gate.ask(by, "POST", "/v1/halt", {"reason": "r"}))
        assert (answer.status_code == 200) == (by in PEOPLE)
        self.halted = self.halted or by in PEOPLE

    @rule(by=st.sampled_from([*sorted(PEOPLE), "ingest_key"]))
    def resume(self, by: str) -> None:
        answer = self.wait(self.gate.ask(by, "POST", "/v1/resume", {"reason": "r"}))
        assert (answer.status_code == 200) == (by in REVIEWERS)
        self.halted = self.halted and by not in REVIEWERS

    @rule(by=st.sampled_from(["maker_key", *REVIEWERS]), text=st.sampled_from(TEXTS))
    def roll_back(self, by: str, text: dict[str, Any]) -> None:
        body = {"reason": "", "to_digest": digest(text)}
        answer = self.wait(self.gate.ask(by, "POST", "/v1/prompts/greeting/rollback", body))
        may = by in REVIEWERS and digest(text) in self.ran and digest(text) != self.live
        assert (answer.status_code == 200) == may, answer.text
        if may:
            self.went_live(digest(text))

    @precondition(lambda self: self.left == 0)
    @rule(count=st.integers(1, 3), per_hour=st.integers(1, 3))
    def grant(self, count: int, per_hour: int) -> None:
        assert self.wait(self.gate.grant(count=count, per_hour=per_hour)).status_code == 201
        self.left = min(count, per_hour)

    @precondition(lambda self: self.live is not None)
    @rule(fill=st.integers(0, 3), also_text=st.booleans())
    def candidate(self, fill: int, also_text: bool) -> None:
        """Propose few-shot candidates for the live version; some also change the text."""
        live = self.wait(self.gate.live())
        assert live is not None
        words = {**live["document"], "model": "another"} if also_text else live["document"]
        event = few_shot(words, (f"{fill}", "x"), base_digest=live["digest"])
        if event.digest == live["digest"]:
            return
        self.wait(self.gate.arrive(event))
        if self.left and not self.halted and not also_text:
            self.left -= 1
            self.went_live(event.digest)

    @rule()
    def revoke_all_grants(self) -> None:
        """Revoke every grant; live versions continue without the examples that the grants admitted."""
        items = self.wait(self.gate.ask("maker_key", "GET", "/v1/grants")).json()["items"]
        for item in items:
            answer = self.wait(self.gate.ask("reviewer_key", "POST", f"/v1/grants/{item['id']}/revoke"))
            assert answer.status_code == 200, answer.text
            for version in answer.json()["live"]:
                self.went_live(version["digest"])
        self.left = 0

    @invariant()
    def served_version_equals_the_models(self) -> None:
        if hasattr(self, "gate"):
            live = self.wait(self.gate.live())
            found = (None, 0) if live is None else (live["digest"], live["sequence"])
            assert found == (self.live, self.sequence)

    @invariant()
    def each_version_has_exactly_one_valid_authorisation(self) -> None:
        if hasattr(self, "gate"):
            assert self.wait(self._check_violations()) == []

    async def _check_violations(self) -> list[str]:
        async with self.gate.owner.connect() as conn:
            return await violations(conn)


class WithoutItsGuard(Gatekeeping):
    """The same machine on a database whose most important trigger is disabled."""

    def set_up(self) -> None:
        self.wait(self.gate.sql("ALTER TABLE gatekeeper.live_history DISABLE TRIGGER USER"))


PLAN = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)


@pytest.fixture
def machine(databases: Databases) -> type[Gatekeeping]:
    Gatekeeping.databases = databases
    return Gatekeeping


def test_no_sequence_of_calls_bypasses_the_boundary(machine: type[Gatekeeping]) -> None:
    run_state_machine_as_test(machine, settings=PLAN)


def test_missing_guard_is_detected(machine: type[Gatekeeping]) -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(WithoutItsGuard, settings=settings(PLAN, phases=[Phase.generate]))
