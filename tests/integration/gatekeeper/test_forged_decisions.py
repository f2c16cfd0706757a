"""Forged, stolen, replayed and expired decisions, passed directly to the database's functions, are rejected."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from gatekeeper.bootstrap import bootstrap
from gatekeeper.domain.api_keys import ALL_ENVIRONMENTS_KEYS, DEFAULT_KEYS
from tests.integration.gatekeeper.test_sessions import session
from tests.support.databases import as_role
from tests.support.gatekeeper import World, digest, document, secret_hash
from tests.support.messaging import async_dsn

ONE, TWO, THREE = document("One"), document("Two"), document("Three")
MINUTE = timedelta(minutes=1)
DECIDE = "SELECT decision_id FROM gatekeeper.decide($1, $2, $3, $4, '', $5, $6)"


@dataclass
class Forger:
    """The gatekeeper's role, with `maker`'s open proposal of TWO over ONE, and stolen credentials."""

    gate: World
    role: Any
    proposal: str
    keys: dict[str, str | None]
    proposals: dict[str, str]

    async def decide(self, **forged: Any) -> object:
        """Make a decision that is valid except for the given values; return its id."""
        good = {
            "raw": self.keys["reviewer"], "proposal": self.proposal, "verdict": "approved", "about": digest(TWO),
            "lifetime": MINUTE, "policy": "1",
        }  # fmt: skip
        return await self.role.fetchval(DECIDE, *{**good, **forged}.values())

    async def promote(self, decision: object) -> None:
        await self.role.fetch("SELECT gatekeeper.promote($1)", decision)


@pytest.fixture
async def forger(gate: World) -> AsyncIterator[Forger]:
    await gate.promote(ONE)
    gate.keys["revoked"] = (await session(gate, subject="second", role="reviewer"))["ratchet_acting"]
    ended = (await session(gate, subject="second", role="reviewer"))["ratchet_acting"]
    reading = (await session(gate, subject="second", role="reviewer"))["ratchet_reading"]
    by_author = (await session(gate, subject="eve", role="reviewer"))["ratchet_acting"]
    await gate.sql("UPDATE gatekeeper.api_keys SET revoked = true WHERE key_id = :k", k=_id(gate.keys["revoked"]))
    await gate.sql("UPDATE gatekeeper.api_keys SET expires_at = now() WHERE key_id = :k", k=_id(ended))
    reviewer, second = gate.keys["reviewer_key"], gate.keys["second_key"]
    secret = reviewer.split("_", 2)[2]
    keys: dict[str, str | None] = {
        "reviewer": reviewer, "nothing": None, "empty": "", "blank": " ", "prefix": "rk_",
        "no secret": f"rk_{_id(reviewer)}_",
        "its hash": f"rk_{_id(reviewer)}_{secret_hash(reviewer)}", "other secret": f"rk_{_id(reviewer)}_{'A' * 43}",
        "cut secret": reviewer[:-1], "long secret": reviewer + "A", "blank behind": reviewer + " ",
        "upper": reviewer.upper(),
        "no prefix": reviewer[3:], "other's secret": f"rk_{_id(second)}_{secret}", "wildcard": "rk_%_%",
        "app": gate.keys["ingest_key"], "page": gate.keys["browser_key"], "author": gate.keys["maker_key"],
        "revoked": gate.keys["revoked"], "ended": ended, "reads": reading,
    }  # fmt: skip
    for project, environment, plans in (
        ("default", "staging", DEFAULT_KEYS),
        ("other", "production", DEFAULT_KEYS),
        ("default", "*", ALL_ENVIRONMENTS_KEYS),
    ):  # fmt: skip
        dsn, private = async_dsn(gate.dsn), gate.signer.private
        made = await bootstrap(dsn, private, project=project, environment=environment, keys=plans)
        keys[f"{project} {environment}"] = made.get("reviewer_key") or made["all_environments_key"]
    gate.keys["staging"] = str(keys["default staging"])
    proposal = (await gate.propose(TWO, digest(ONE)))["id"]
    proposals = {
        "unknown": str(uuid4()),
        "another": (await gate.propose(THREE, digest(ONE)))["id"],
        "staging": (await gate.propose(TWO, digest(ONE), by="staging"))["id"],
        "own": (await gate.propose(TWO, digest(ONE), by="reviewer_key"))["id"],
        "admin's": (await gate.propose(TWO, digest(ONE), by="admin_key"))["id"],
        "rejected": (await gate.propose(TWO, digest(ONE)))["id"],
        "stale": (await gate.propose(TWO, digest(THREE)))["id"],
    }
    assert (
        await gate.decide({"id": proposals["rejected"], "digest": digest(TWO)}, verdict="rejected")
    ).status_code == 200
    keys["author's link"] = by_author
    role = await asyncpg.connect(as_role(gate.dsn, "ratchet_gatekeeper"))
    yield Forger(gate, role, proposal, keys, proposals)
    await role.close()


def _id(raw: str) -> str:
    return raw.split("_")[1]


def forgeries(forger: Forger) -> list[tuple[str, dict[str, Any]]]:
    """The values of each forged decision that replace the valid ones."""
    keys, proposals = forger.keys, forger.proposals
    return [
        *((f"key: {name}", {"raw": raw}) for name, raw in keys.items() if name not in ("reviewer", "author's link")),
        ("own proposal", {"proposal": proposals["own"]}),
        ("a link by the author", {"raw": keys["author's link"], "proposal": proposals["admin's"]}),
        ("unknown proposal", {"proposal": proposals["unknown"]}),
        ("no proposal", {"proposal": None}),
        ("other environment's proposal", {"proposal": proposals["staging"]}),
        ("other environment's key for its own", {"raw": keys["other production"], "proposal": proposals["staging"]}),
        ("decided before", {"proposal": proposals["rejected"]}),
        ("other proposal's content", {"proposal": proposals["another"]}),
        *((f"about {about}", {"about": about}) for about in (
            None, "", digest(ONE), digest(THREE), digest(TWO).upper(), digest(TWO)[:-1], digest(TWO) + " ",
            digest(TWO)[7:],
        )),
        *((f"verdict {verdict}", {"verdict": verdict})
          for verdict in (None, "", "yes", "APPROVED", "promoted", "open")),
        *((f"lasts {lifetime}", {"lifetime": lifetime}) for lifetime in (
            None, timedelta(0), timedelta(seconds=-1), timedelta(hours=25), timedelta(days=9999),
        )),
        ("no policy", {"policy": None}),
    ]  # fmt: skip


async def refused(work: Awaitable[object], what: str) -> None:
    """Fail unless the database refuses `work`."""
    try:
        await work
    except asyncpg.PostgresError:
        return
    pytest.fail(f"accepted: {what}")


async def test_no_forged_decision_is_accepted(forger: Forger) -> None:
    live, tried = await forger.gate.live(), forgeries(forger)
    before = await forger.gate.sql("SELECT id FROM gatekeeper.decisions ORDER BY 1")
    for name, forged in tried:
        await refused(forger.decide(**forged), name)
    assert len(tried) >= 40
    assert await forger.gate.sql("SELECT id FROM gatekeeper.decisions ORDER BY 1") == before
    assert await forger.gate.live() == live
    await forger.promote(await forger.decide())
    [row] = await forger.gate.sql("SELECT digest FROM gatekeeper.live")
    assert row[0] == digest(TWO), "the valid decision, for comparison"


async def test_no_decision_is_replayed_or_altered(forger: Forger) -> None:
    """Promote with a decision that is rejected, expired, outdated, used or missing."""
    useless = [
        await forger.decide(proposal=forger.proposals["another"], about=digest(THREE), verdict="rejected"),
        await forger.decide(proposal=forger.proposals["stale"]),
        await forger.decide(proposal=forger.proposals["admin's"], lifetime=timedelta(microseconds=1)),
        uuid4(), None, forger.proposal,
    ]  # fmt: skip
    used = await forger.decide()
    await forger.promote(used)
    await forger.gate.ask(
        "reviewer_key", "POST", "/v1/prompts/greeting/rollback", {"reason": "", "to_digest": digest(ONE)}
    )
    for decision in [*useless, used]:
        await refused(forger.promote(decision), f"promotion by {decision}")
    live = await forger.gate.live()
    assert live is not None
    assert (live["digest"], live["sequence"]) == (digest(ONE), 3)


_PERSONS = "check_decision_insert"
# The checks that reject forged decisions: function, text, and text without the check.
GUARDS: dict[str, list[tuple[str, str, str]]] = {
    "the secret": [("authenticate", "AND k.secret_hash = gatekeeper.sha256_hex(part[2])", "")],
    "a key's end": [("authenticate", "AND coalesce(k.expires_at > clock_timestamp(), true)", "")],
    "revocation": [("authenticate", "AND NOT k.revoked", ""), (_PERSONS, "AND NOT k.revoked", "")],
    "scope": [
        ("authorise_person", "OR NOT scope = ANY (found.scopes)", ""), (_PERSONS, "AND 'review' = ANY (k.scopes)", ""),
    ],
    "environment": [
        ("decide", "p.environment <> principal.environment", "false"),
        (_PERSONS, "AND k.environment = NEW.environment", ""),
    ],
    "project": [("decide", "AND x.project = principal.project", ""), (_PERSONS, "AND k.project = NEW.project", "")],
    "content": [("decide", "p.digest IS DISTINCT FROM in_digest", "false")],
    "four eyes": [(_PERSONS, "author_key = gatekeeper.subject_key(NEW.decided_by)", "false")],
    "the author's link": [(_PERSONS, "gatekeeper.subject_key(m) = author_key", "false")],
}  # fmt: skip


@pytest.mark.parametrize("guard", GUARDS)
async def test_each_guard_is_needed(forger: Forger, guard: str) -> None:
    """Without a guard in the functions, a forged decision is accepted, which the list above would detect."""
    for function, check, without in GUARDS[guard]:
        [row] = await forger.gate.sql(
            """SELECT pg_get_functiondef(oid) FROM pg_proc
               WHERE proname = :name AND pronamespace = 'gatekeeper'::regnamespace""",
            name=function,
        )
        assert row[0].count(check) == 1, (function, check)
        async with forger.gate.owner.begin() as conn:
            await conn.exec_driver_sql(row[0].replace(check, without).replace("%", "%%"))
    accepted = []
    for name, forged in forgeries(forger):
        transaction = forger.role.transaction()
        await transaction.start()
        try:
            await forger.decide(**forged)
            accepted.append(name)
        except asyncpg.PostgresError:
            pass
        await transaction.rollback()
    assert accepted
