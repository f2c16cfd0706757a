"""Every route × every kind of key of another environment or project: production is unaffected."""

from itertools import product
from typing import Any

import pytest

from gatekeeper.bootstrap import bootstrap
from gatekeeper.domain.api_keys import ALL_ENVIRONMENTS_KEYS
from tests.integration.gatekeeper.test_route_access import BASE, NEXT, ROUTES, SIGNING_IN, body, open_rollout
from tests.support.gatekeeper import KEYS, World, digest, few_shot
from tests.support.messaging import async_dsn

HERE = "(project, environment) = ('default', 'production')"
# All tables that production's authorisations are based on, and what it serves.
_STATE = f"""
SELECT 'history', h::text FROM gatekeeper.live_history h WHERE {HERE}
UNION ALL SELECT 'proposals', p::text FROM gatekeeper.proposals p WHERE {HERE}
UNION ALL SELECT 'decisions', d::text FROM gatekeeper.decisions d WHERE {HERE}
UNION ALL SELECT 'rollouts', o::text FROM gatekeeper.rollouts o WHERE {HERE}
UNION ALL SELECT 'rollout changes', c::text FROM gatekeeper.rollout_changes c WHERE {HERE}
UNION ALL SELECT 'grants', g::text FROM gatekeeper.grants g WHERE {HERE}
UNION ALL SELECT 'revoked grants', r::text FROM gatekeeper.grant_revocations r
          JOIN gatekeeper.grants g ON g.id = r.grant_id WHERE {HERE}
UNION ALL SELECT 'keys', k::text FROM gatekeeper.api_keys k WHERE {HERE}
UNION ALL SELECT 'links', l::text FROM gatekeeper.sign_in_links l WHERE {HERE}
UNION ALL SELECT 'switch', l::text FROM gatekeeper.kill_switch_changes l WHERE {HERE}
UNION ALL SELECT 'instances', i::text FROM gatekeeper.sdk_instances i WHERE {HERE}
UNION ALL SELECT 'reviews', r::text FROM gatekeeper.reviews r WHERE {HERE}
UNION ALL SELECT 'live_with_revoked', t::text FROM gatekeeper.live_with_revoked t WHERE {HERE}
UNION ALL SELECT 'servable', gatekeeper.serving_refusal(project, environment, digest)
          FROM gatekeeper.live_history WHERE {HERE}
ORDER BY 1, 2"""
FOREIGN = (
    *(("default", "staging", plan.label) for plan in KEYS),
    *(("other", "production", plan.label) for plan in KEYS),
    *(("default", "*", plan.label) for plan in ALL_ENVIRONMENTS_KEYS),
)


@pytest.fixture
async def stage(gate: World) -> World:
    """Production has a few-shot set admitted by a grant, and an open proposal; other environments have keys of every
    kind.
    """
    await gate.promote(BASE)
    await gate.grant()
    await gate.arrive(few_shot(BASE, ("2+2", "4")))
    for project, environment in (("default", "staging"), ("other", "production"), ("default", "*")):
        plans = ALL_ENVIRONMENTS_KEYS if environment == "*" else KEYS
        made = await bootstrap(
            async_dsn(gate.dsn), gate.signer.private, project=project, environment=environment, keys=plans
        )
        gate.keys.update({f"{project} {environment} {label}": raw for label, raw in made.items()})
    return gate


async def test_foreign_keys_change_nothing_in_production(stage: World) -> None:
    live = await stage.live()
    assert live is not None
    proposal = await stage.propose(NEXT, live["digest"])
    [grant] = (await stage.ask("maker_key", "GET", "/v1/grants")).json()["items"]
    keys = await stage.sql(f"SELECT key_id FROM gatekeeper.api_keys WHERE {HERE}")
    example = (await stage.sql("SELECT digest FROM gatekeeper.examples"))[0][0]
    filled = {"name": "greeting", "proposal_id": proposal["id"], "grant_id": grant["id"], "digest": example}
    filled |= {"letter_id": proposal["id"], "key_id": keys[0][0], "consumer": "proposals", "instance": "app-1"}
    filled["rollout_id"] = await open_rollout(stage)
    before = await stage.sql(_STATE)
    assert {row[0] for row in before} >= {"history", "proposals", "decisions", "grants", "keys", "rollouts", "servable"}
    tried = 0
    for (method, path), foreign in product([*ROUTES, *SIGNING_IN], FOREIGN):
        if method == "GET":
            continue
        for key_id in [row[0] for row in keys] if "{key_id}" in path else [""]:
            target = path.format(**{**filled, "key_id": key_id})
            answer = await stage.ask(" ".join(foreign), method, target, _harm(path, live["digest"]))
            assert answer.status_code < 500, f"{target} with {foreign}: {answer.text}"
            tried += 1
    assert await stage.sql(_STATE) == before
    assert tried > 150


def _harm(path: str, live: str) -> dict[str, Any]:
    sent = body(path, NEXT)
    if path.endswith("/rollback"):
        sent = {"reason": "", "to_digest": digest(BASE)}
    return {**sent, "base_digest": live} if path == "/v1/proposals" else sent


@pytest.mark.parametrize("where", ["default staging", "other production"])
async def test_foreign_keys_read_no_decisions_of_production(stage: World, where: str) -> None:
    """A key of another environment reads no proposals, grants, keys or stream; one of another project reads nothing."""
    await stage.propose(NEXT, digest(BASE))
    marks = ("shots", "greeting") if where.startswith("other") else ("proposal.opened", "2+2")
    paths = ["/v1/proposals", "/v1/grants", "/v1/keys", "/v1/instances"]
    paths += ["/v1/prompts", "/v1/audit", "/v1/people"] if where.startswith("other") else []
    for path in paths:
        answer = await stage.ask(f"{where} reviewer_key", "GET", path)
        assert answer.status_code == 200, answer.text
        assert not any(mark in answer.text for mark in marks), path
    for path in (f"/v1/versions/{digest(BASE)}", "/v1/prompts/greeting"):
        status = (await stage.ask(f"{where} reviewer_key", "GET", path)).status_code
        assert status == 404 or (where == "default staging" and path.startswith("/v1/versions")), path


async def test_an_example_revoked_in_staging_is_still_served_in_production(stage: World) -> None:
    live = await stage.live()
    [(example,)] = await stage.sql("SELECT digest FROM gatekeeper.examples")
    path = f"/v1/examples/{example}/revoke"
    answer = await stage.ask("default staging reviewer_key", "POST", path, {"reason": "not here"})
    assert (answer.status_code, answer.json()["live"]) == (200, [])
    assert await stage.live() == live
    answer = await stage.ask("reviewer_key", "POST", path, {"reason": "nor here"})
    assert [version["reason"] for version in answer.json()["live"]] == ["example_revoked"]


async def test_key_cannot_grant_a_scope_that_it_lacks(stage: World) -> None:
    """An admin's key without `review` and `operate` can create neither a reviewer nor an operating service."""
    await stage.sql("UPDATE gatekeeper.api_keys SET scopes = '{read,admin}' WHERE 'admin' = ANY (scopes)")
    stage.app.state.keys._cache.clear()
    label = next(plan.label for plan in KEYS if "admin" in plan.scopes)
    for path, sent in (
        ("/v1/sign-in-links", {"subject": "eve", "role": "reviewer"}),
        ("/v1/keys", {"subject": "bot", "scopes": ["operate"]}),
    ):
        assert (await stage.ask(label, "POST", path, sent)).json()["code"] == "not-allowed", path
    assert (await stage.ask(label, "POST", "/v1/keys", {"subject": "bot", "scopes": ["ingest"]})).status_code == 201
    assert (
        await stage.ask(label, "POST", "/v1/keys", {"subject": "worker", "scopes": ["evaluate"]})
    ).status_code == 201
    for scopes in ("{tune}", "{review}", None):
        with pytest.raises(Exception, match=r"not-allowed"):
            await stage.sql(
                "SELECT gatekeeper.issue_key(:raw, 'bot', CAST(:scopes AS text[]), '{}', 'k', 'h')",
                raw=stage.keys[label], scopes=scopes if scopes is None else scopes.strip("{}").split(","),
            )  # fmt: skip
