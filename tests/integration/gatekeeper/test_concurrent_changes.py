"""Concurrent edits, decisions, promotions, grants, rollbacks and halts: every live version is authorised.

25 rounds of 6 actions; 10,000 with RATCHET_SOAK=1.
"""

import asyncio
import random
from collections import Counter
from typing import Any

import httpx

from tests.support.boundary_model import violations
from tests.support.gatekeeper import World, digest, document, few_shot
from tests.support.soak import scaled

TEXTS = [document(words, "shots") for words in ("One", "Two", "Three", "Four")]
_ACTS = (*["propose"] * 2, *["decide"] * 3, "roll back", "grant", "arrive", "halt", "resume")
_PEOPLE = ("maker_key", "reviewer_key", "second_key")


async def act(gate: World, rnd: random.Random, waiting: list[dict[str, Any]]) -> tuple[str, httpx.Response | None]:
    """Send one random request. Return its kind and the answer."""
    kind = rnd.choice(_ACTS)
    reviewer = rnd.choice(_PEOPLE[1:])
    live = await gate.live()
    now = live["digest"] if live else None
    match kind:
        case "propose":
            text = rnd.choice([text for text in TEXTS if digest(text) != now])
            body = {"name": "greeting", "target": "bot", "base_digest": now, "document": text, "why": "w"}
            answer = await gate.ask(rnd.choice(_PEOPLE), "POST", "/v1/proposals", body)
            if answer.status_code == 201:
                waiting.append(answer.json())
        case "decide" if waiting:
            verdict = rnd.choice(["approved"] * 4 + ["rejected"])
            answer = await gate.decide(rnd.choice(waiting[-6:]), reviewer, verdict)
        case "roll back":
            body = {"reason": "", "to_digest": digest(rnd.choice(TEXTS))}
            answer = await gate.ask(reviewer, "POST", "/v1/prompts/greeting/rollback", body)
        case "grant":
            answer = await gate.grant(count=rnd.randint(1, 3), per_hour=rnd.randint(1, 3))
        case "arrive" if live:
            await gate.arrive(few_shot(live["document"], (str(rnd.random()), "x")))
            return kind, None
        case "halt" if rnd.random() < 0.3:
            answer = await gate.ask("maker_key", "POST", "/v1/halt", {"reason": "r"})
        case _:
            return "resume", None
    return kind, answer


async def test_concurrent_changes_leave_only_authorised_versions_live(gate: World) -> None:
    rnd, done = random.Random(2), Counter[str]()
    waiting: list[dict[str, Any]] = []
    await gate.promote(TEXTS[0])
    for _ in range(scaled(25, 10_000)):
        acts = await asyncio.gather(*(act(gate, rnd, waiting) for _ in range(6)))
        for kind, answer in acts:
            assert answer is None or answer.status_code < 500, answer.text
            done[kind if answer is None or answer.is_success else f"{kind} refused"] += 1
        if "resume" in dict(
            acts
        ):  # not concurrently with a promotion, whose time is that of its insertion, not of its commit
            assert (await gate.ask("reviewer_key", "POST", "/v1/resume", {"reason": "r"})).status_code == 200
    async with gate.owner.connect() as conn:
        assert await violations(conn) == []
    used = """SELECT count(*) FROM gatekeeper.grant_uses u JOIN gatekeeper.grants g ON g.id = u.grant_id
              GROUP BY g.id, g.uses HAVING count(*) > g.uses"""
    assert await gate.sql(used) == []
    assert (await gate.ask("maker_key", "GET", "/v1/audit/verify")).json()["ok"]
    assert done["decide"] > 0, done
    assert done["decide refused"] > 0, done
