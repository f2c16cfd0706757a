"""Every live example has an authorisation and can be traced to its feedback and execution events."""

from ratchet.prompt import parse
from tests.support.gatekeeper import World, document, few_shot

BASE = document("Answer.", "shots")

ACTIVE = """
    WITH active AS (
        SELECT l.project, l.environment, l.name, e.digest
        FROM gatekeeper.live l, gatekeeper.version_slots(l.project, l.digest) s,
             gatekeeper.set_examples(l.project, s.set_digest) e)
    SELECT a.digest, x ->> 'feedback_id', x ->> 'execution_id'
    FROM active a
    LEFT JOIN LATERAL (
        SELECT x FROM gatekeeper.proposals p, jsonb_path_query(p.content, 'lax $.example_sets[*].examples[*]') x
        WHERE (p.project, p.environment, p.name) = (a.project, a.environment, a.name) AND x ->> 'digest' = a.digest
          AND (EXISTS (SELECT FROM gatekeeper.decisions d WHERE d.proposal_id = p.id AND d.verdict = 'approved')
               OR EXISTS (SELECT FROM gatekeeper.grant_uses u
                          WHERE u.proposal_id = p.id AND NOT EXISTS (
                              SELECT FROM gatekeeper.grant_revocations r WHERE r.grant_id = u.grant_id)))
        LIMIT 1) lineage ON true"""
"""Each live example with the feedback and execution of the authorised proposal that added it; nulls without one."""


async def active(gate: World) -> set[tuple[str, str, str]]:
    """Return the lineages of live examples; fails for an example without one."""
    rows = [tuple(row) for row in await gate.sql(ACTIVE)]
    assert all(None not in row for row in rows), rows
    return set(rows)


async def live_document(gate: World) -> dict[str, object]:
    found = await gate.live()
    assert found is not None
    return dict(found["document"])


async def test_every_live_example_has_an_authorisation_and_source_events(gate: World) -> None:
    await gate.promote(BASE)
    assert (await gate.grant()).status_code == 201
    granted = few_shot(BASE, ("2+2", "4"))
    await gate.arrive(granted)
    [first] = await active(gate)
    example = granted.example_sets[0].examples[0]
    assert first == (example.digest, str(example.feedback_id), example.execution_id)

    stuffed = few_shot(await live_document(gate), ("2+2", "4"), ("mine", "5"), eligible=False)
    await gate.arrive(stuffed)
    assert await active(gate) == {first}, "the second one is not authorised"
    await gate.decide((await gate.ask("maker_key", "GET", f"/v1/proposals/{stuffed.proposal_id}")).json())
    assert len(await active(gate)) == 2

    await gate.ask("reviewer_key", "POST", f"/v1/examples/{example.digest}/revoke", {"reason": ""})
    assert {row[0] for row in await active(gate)} == {stuffed.example_sets[0].examples[1].digest}
    [grant] = (await gate.ask("maker_key", "GET", "/v1/grants")).json()["items"]
    await gate.ask("reviewer_key", "POST", f"/v1/grants/{grant['id']}/revoke")
    assert len(await active(gate)) == 1
    back = {"to_digest": parse(BASE).digest, "reason": ""}
    await gate.ask("reviewer_key", "POST", "/v1/prompts/greeting/rollback", back)
    assert await active(gate) == set()
