"""PostgreSQL accepts what the model of tests/support/approvals.py accepts, and refuses the rest: random walks."""

import random
from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg

from gatekeeper.bootstrap import bootstrap
from tests.support.approvals import HUMANS, Act, State, acts, step
from tests.support.boundary_model import violations
from tests.support.databases import as_role
from tests.support.gatekeeper import KEYS, World, digest, document
from tests.support.messaging import async_dsn
from tests.support.soak import scaled

TEXTS = {1: document("One"), 2: document("Two")}
DIGESTS: dict[int, str | None] = {0: None, **{number: digest(text) for number, text in TEXTS.items()}}
# Expiry takes a clock that nobody moves here: see test_boundary_owner and test_forged_decisions.
ACTS = [act for act in acts() if act.kind != "expire"]
_OFTEN = {"propose": 3, "decide": 3, "promote": 25, "roll back": 3, "halt": 1, "resume": 2}
WEIGHTS = [_OFTEN[act.kind] * (4 if act.environment != "staging" else 1) for act in ACTS]
# Makes both texts run in production, so that there is a way back.
BOTH_RAN = [
    act
    for which in (0, 1)
    for act in (
        Act("propose", "maker", "production", which, which + 1),
        Act("decide", "reviewer", "production", which),
        Act("promote", which=which),
    )
]


class Walk:
    """One prompt, its proposals and its decisions; the kill switches are all walks' own, one after another."""

    def __init__(self, role: Any, keys: dict[tuple[str, str], str]) -> None:
        self.role, self.keys = role, keys
        self.name = f"walk-{uuid4()}"
        self.proposals = [uuid4(), uuid4()]
        self.decisions: dict[int, object] = {}

    async def try_(self, act: Act, state: State) -> bool:
        """Whether PostgreSQL accepts the act."""
        key = self.keys.get((act.by, act.environment))
        proposal, found = self.proposals[act.which], state.proposals[act.which]
        to, text = DIGESTS[act.text], DIGESTS[found.text if found else 0]
        statement: tuple[object, ...]
        match act.kind:
            case "propose":
                base = DIGESTS[state.live[("production", "staging").index(act.environment)]]
                kind = "edit" if base else "first_version"
                call = "propose($1, $2, 'bot', $3, $4, $5, $6, '{}')"
                statement = (call, key, proposal, self.name, kind, base, to)
            case "decide":
                verdict = "approved" if act.yes else "rejected"
                call = "decide($1, $2, $3, $4, '', interval '1 minute', '1')"
                statement = (call, key, proposal, verdict, text)
            case "promote":
                statement = ("promote($1)", self.decisions.get(act.which))
            case "roll back":
                statement = ("roll_back($1, $2, $3, $3, '')", key, self.name, to)
            case _:
                statement = (f"{act.kind}($1, 'r')", key)
        try:
            rows = await self.role.fetch(f"SELECT * FROM gatekeeper.{statement[0]}", *statement[1:])
        except asyncpg.PostgresError:
            return False
        if act.kind == "decide":
            self.decisions[act.which] = rows[0]["decision_id"]
        return True


async def test_the_database_does_what_the_model_says(gate: World) -> None:
    made = {"production": gate.keys}
    made["staging"] = await bootstrap(async_dsn(gate.dsn), gate.signer.private, environment="staging", keys=KEYS)
    keys = {(human, where): labels[f"{human}_key"] for where, labels in made.items() for human in HUMANS}
    for text in TEXTS.values():
        await gate.propose(text)
    role = await asyncpg.connect(as_role(gate.dsn, "ratchet_gatekeeper"))
    luck, done = random.Random(1), Counter[tuple[str, bool]]()
    for number in range(scaled(14, 2_000)):
        walk, state = Walk(role, keys), State()
        for act in BOTH_RAN if number % 2 else ():
            assert await walk.try_(act, state)
            state = step(state, act) or state
        walk.proposals, walk.decisions, state = [uuid4(), uuid4()], {}, replace(state, proposals=(None, None))
        for _ in range(60):
            [act] = luck.choices(ACTS, WEIGHTS)
            present = state.proposals[act.which] is not None
            if (act.kind == "propose" and present) or (act.kind in ("decide", "promote") and not present):
                continue
            after = step(state, act)
            assert await walk.try_(act, state) == (after is not None), (act, state)
            done[act.kind, after is not None] += 1
            state = after or state
        for where in ("production", "staging"):
            await role.fetch("SELECT gatekeeper.resume($1, 'next')", keys["reviewer", where])
    await role.close()
    assert {kind for kind, accepted in done if accepted} == {act.kind for act in ACTS}, done
    async with gate.owner.connect() as conn:
        assert await violations(conn) == []
