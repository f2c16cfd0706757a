"""PostgreSQL accepts the actions that the model of tests/support/approvals.py accepts, and no others: random walks."""

import random
from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg

from gatekeeper.bootstrap import bootstrap
from tests.support.approvals import HUMANS, Action, State, all_actions, step
from tests.support.boundary_model import violations
from tests.support.databases import as_role
from tests.support.gatekeeper import KEYS, World, digest, document
from tests.support.messaging import async_dsn
from tests.support.soak import scaled

TEXTS = {1: document("One"), 2: document("Two")}
DIGESTS: dict[int, str | None] = {0: None, **{number: digest(text) for number, text in TEXTS.items()}}
# Expiry needs a clock that can be moved: see test_boundary_owner and test_forged_decisions.
ACTS = [action for action in all_actions() if action.kind != "expire"]
_OFTEN = {"propose": 3, "decide": 3, "promote": 25, "roll back": 3, "halt": 1, "resume": 2}
WEIGHTS = [_OFTEN[action.kind] * (4 if action.environment != "staging" else 1) for action in ACTS]
# Promotes both texts in production, so that a rollback is possible.
BOTH_RAN = [
    action
    for which in (0, 1)
    for action in (
        Action("propose", "maker", "production", which, which + 1),
        Action("decide", "reviewer", "production", which),
        Action("promote", which=which),
    )
]


class Walk:
    """One prompt, its proposals and its decisions; the kill switches are shared by all walks, which run in turn."""

    def __init__(self, role: Any, keys: dict[tuple[str, str], str]) -> None:
        self.role, self.keys = role, keys
        self.name = f"walk-{uuid4()}"
        self.proposals = [uuid4(), uuid4()]
        self.decisions: dict[int, object] = {}

    async def try_(self, action: Action, state: State) -> bool:
        """Return whether PostgreSQL accepts the action."""
        key = self.keys.get((action.by, action.environment))
        proposal, found = self.proposals[action.which], state.proposals[action.which]
        to, text = DIGESTS[action.text], DIGESTS[found.text if found else 0]
        statement: tuple[object, ...]
        match action.kind:
            case "propose":
                base = DIGESTS[state.live[("production", "staging").index(action.environment)]]
                kind = "edit" if base else "first_version"
                call = "propose($1, $2, 'bot', $3, $4, $5, $6, '{}')"
                statement = (call, key, proposal, self.name, kind, base, to)
            case "decide":
                verdict = "approved" if action.yes else "rejected"
                call = "decide($1, $2, $3, $4, '', interval '1 minute', '1')"
                statement = (call, key, proposal, verdict, text)
            case "promote":
                statement = ("promote($1)", self.decisions.get(action.which))
            case "roll back":
                statement = ("roll_back($1, $2, $3, $3, '')", key, self.name, to)
            case _:
                statement = (f"{action.kind}($1, 'r')", key)
        try:
            rows = await self.role.fetch(f"SELECT * FROM gatekeeper.{statement[0]}", *statement[1:])
        except asyncpg.PostgresError:
            return False
        if action.kind == "decide":
            self.decisions[action.which] = rows[0]["decision_id"]
        return True


async def test_database_accepts_what_the_model_accepts(gate: World) -> None:
    made = {"production": gate.keys}
    made["staging"] = await bootstrap(async_dsn(gate.dsn), gate.signer.private, environment="staging", keys=KEYS)
    keys = {(human, where): labels[f"{human}_key"] for where, labels in made.items() for human in HUMANS}
    for text in TEXTS.values():
        await gate.propose(text)
    role = await asyncpg.connect(as_role(gate.dsn, "ratchet_gatekeeper"))
    rnd, done = random.Random(1), Counter[tuple[str, bool]]()
    for number in range(scaled(14, 2_000)):
        walk, state = Walk(role, keys), State()
        for action in BOTH_RAN if number % 2 else ():
            assert await walk.try_(action, state)
            state = step(state, action) or state
        walk.proposals, walk.decisions, state = [uuid4(), uuid4()], {}, replace(state, proposals=(None, None))
        for _ in range(60):
            [action] = rnd.choices(ACTS, WEIGHTS)
            present = state.proposals[action.which] is not None
            if (action.kind == "propose" and present) or (action.kind in ("decide", "promote") and not present):
                continue
            after = step(state, action)
            assert await walk.try_(action, state) == (after is not None), (action, state)
            done[action.kind, after is not None] += 1
            state = after or state
        for where in ("production", "staging"):
            await role.fetch("SELECT gatekeeper.resume($1, 'next')", keys["reviewer", where])
    await role.close()
    assert {kind for kind, accepted in done if accepted} == {action.kind for action in ACTS}, done
    async with gate.owner.connect() as conn:
        assert await violations(conn) == []
