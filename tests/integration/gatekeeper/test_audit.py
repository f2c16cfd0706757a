"""The audit chain: alterations and truncations are detected."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import event

from gatekeeper.storage import audit as repository
from gatekeeper.use_cases import audit_verification as verification
from gatekeeper.use_cases.audit_verification import Verifier
from tests.support.gatekeeper import World, document, few_shot

BASE = document("Answer.", "shots")
SECRET_WORDS = "what the user wrote"


@pytest.fixture
async def audited_project(gate: World) -> World:
    """A project with every kind of audited action."""
    await gate.promote(BASE)
    grant = (await gate.grant()).json()
    await gate.arrive(few_shot(BASE, (SECRET_WORDS, "4")))
    await gate.ask("reviewer_key", "POST", f"/v1/grants/{grant['id']}/revoke")
    await gate.ask("maker_key", "POST", "/v1/halt", {"reason": "smoke"})
    await gate.ask("reviewer_key", "POST", "/v1/resume", {"reason": "fine"})
    return gate


async def verified(gate: World, query: str = "") -> dict[str, Any]:
    return dict((await gate.ask("reviewer_key", "GET", f"/v1/audit/verify{query}")).json())


async def tamper(gate: World, *statements: str) -> None:
    """Run statements as a superuser with all triggers disabled."""
    async with gate.owner.begin() as conn:
        await conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in statements:
            await conn.exec_driver_sql(statement)


async def test_unaltered_chain_is_intact(audited_project: World) -> None:
    result = await verified(audited_project)
    assert (result["ok"], result["problems"]) == (True, [])
    entries = (await audited_project.ask("maker_key", "GET", "/v1/audit?limit=1000")).json()["items"]
    assert [entry["seq"] for entry in entries] == list(range(1, result["entries"] + 1))
    assert {"prompt.promoted", "grant.given", "grant.revoked", "example.revoked", "loop.halted", "loop.resumed"} <= {
        entry["kind"] for entry in entries
    }


async def test_no_text_of_users_is_in_the_chain(audited_project: World) -> None:
    entries = (await audited_project.ask("maker_key", "GET", "/v1/audit?limit=1000")).json()["items"]
    assert SECRET_WORDS not in json.dumps(entries)


REWRITE = """UPDATE gatekeeper.audit SET entry = replace(entry, '"by":"reviewer"', '"by":"somebody"'),
             hash = gatekeeper.sha256_hex(replace(entry, '"by":"reviewer"', '"by":"somebody"'))
             WHERE kind = 'grant.given'"""
CUT = "DELETE FROM gatekeeper.audit WHERE seq > (SELECT max(seq) - 3 FROM gatekeeper.audit)"
HEAD = """UPDATE gatekeeper.audit_heads h SET seq = a.seq, hash = a.hash
          FROM (SELECT * FROM gatekeeper.audit ORDER BY seq DESC LIMIT 1) a"""
ANCHORS = "DELETE FROM gatekeeper.audit_anchors WHERE seq > (SELECT max(seq) FROM gatekeeper.audit)"


@pytest.mark.parametrize(
    "statements",
    [
        (
            "ALTER TABLE gatekeeper.audit DROP CONSTRAINT ck_audit_hash",
            "UPDATE gatekeeper.audit SET entry = replace(entry, 'reviewer', 'somebody') WHERE kind = 'grant.given'",
        ),
        (REWRITE,),
        ("UPDATE gatekeeper.audit SET kind = 'nothing' WHERE seq = 6",),
        ("DELETE FROM gatekeeper.audit WHERE seq = 6",),
        (CUT,),
        (CUT, HEAD),
        (CUT, HEAD, ANCHORS),
        ("DELETE FROM gatekeeper.audit", "DELETE FROM gatekeeper.audit_heads"),
    ],
    ids=["altered", "rehashed", "relabelled", "hole", "cut", "cut with head", "cut with head and anchors", "all gone"],
)
async def test_tampering_is_detected(audited_project: World, statements: tuple[str, ...]) -> None:
    await tamper(audited_project, *statements)
    result = await verified(audited_project)
    assert result["ok"] is False
    assert result["problems"]


async def test_a_noted_head_reveals_a_rewind_of_everything(gate: World) -> None:
    """The database alone cannot reveal a complete reset to a signed state."""
    await gate.promote(BASE)
    await gate.ask("maker_key", "POST", "/v1/halt", {"reason": "smoke"})
    known = await verified(gate)
    await tamper(
        gate,
        "DELETE FROM gatekeeper.audit WHERE kind = 'loop.halted'",
        "DELETE FROM gatekeeper.kill_switch_changes",
        "DELETE FROM gatekeeper.kill_switch_audits",
        HEAD,
        ANCHORS,
    )
    assert (await verified(gate))["ok"] is True
    assert (await verified(gate, f"?seq={known['entries']}&head={known['head']}"))["ok"] is False


async def test_the_owner_cannot_cut_the_chain_with_triggers_on(audited_project: World) -> None:
    with pytest.raises(Exception, match="immutable"):
        await audited_project.sql(CUT)
    assert (await verified(audited_project))["ok"] is True


async def test_audit_states_the_kind_of_an_opened_proposal(audited_project: World) -> None:
    entries = (await audited_project.ask("maker_key", "GET", "/v1/audit?kind=proposal.opened")).json()["items"]
    assert [entry["proposal_kind"] for entry in entries] == ["first_version", "few_shot"]
    assert {entry["kind"] for entry in entries} == {"proposal.opened"}


async def test_equal_concurrent_verifications_share_two_runs(audited_project: World) -> None:
    """A waiting request holds no connection; it shares the run that begins after its arrival."""
    runs: list[str] = []

    def count(_: object, __: object, statement: str, *___: object) -> None:
        runs.extend(["run"] if "FROM gatekeeper.audit_heads" in statement else [])

    event.listen(audited_project.service.sync_engine, "before_cursor_execute", count)
    verifier = Verifier(audited_project.service, audited_project.signer)
    answers = await asyncio.gather(*(verifier.verify("default") for _ in range(6)))
    assert [answer["ok"] for answer in answers] == [True] * 6
    assert len(runs) == 2


async def test_new_entries_are_verified_from_the_last_verified_end(audited_project: World) -> None:
    verifier = Verifier(audited_project.service, audited_project.signer)
    first = await verifier.verify("default", new=True)
    assert (first["ok"], first["from"]) == (True, 1)
    again = await verifier.verify("default", (1, await hash_at(audited_project, 1)), new=True)
    assert (again["ok"], again["from"]) == (True, first["entries"])
    await audited_project.ask("maker_key", "POST", "/v1/halt", {"reason": "smoke"})
    grown = await verifier.verify("default", new=True)
    assert (grown["ok"], grown["from"], grown["entries"]) == (True, first["entries"], first["entries"] + 1)
    assert not (await verifier.verify("default", (1, "0" * 64), new=True))["ok"]
    await tamper(audited_project, "DELETE FROM gatekeeper.audit WHERE seq = 6")
    assert not (await verifier.verify("default"))["ok"], "the whole chain is verified by default"
    await tamper(audited_project, CUT, HEAD, ANCHORS)
    assert not (await verifier.verify("default", new=True))["ok"]


async def hash_at(gate: World, seq: int) -> str:
    [row] = await gate.sql("SELECT hash FROM gatekeeper.audit WHERE seq = :seq", seq=seq)
    return str(row[0])


async def test_fault_is_reported_with_its_entry_in_any_batch(
    audited_project: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "_BATCH", 2)
    assert (await verified(audited_project))["ok"]
    await tamper(audited_project, "UPDATE gatekeeper.audit SET kind = 'nothing' WHERE seq = 5")
    assert (await verified(audited_project))["problems"] == ["entry 5 differs from the columns of its row"]


async def test_batch_reads_only_its_own_anchors(audited_project: World) -> None:
    """Otherwise the time to verify would be quadratic in the length of the chain."""
    asked = {"project": "default", "after": 1, "limit": 2}
    plan = "\n".join(row[0] for row in await audited_project.sql(f"EXPLAIN {repository._ENTRIES.text}", **asked))
    _, anchors = plan.split(" on audit_anchors", 1)
    assert "seq > " in anchors.split("->")[0], plan
