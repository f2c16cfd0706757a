"""Every kind of key on every route: only a reviewing person's key changes what is live."""

from itertools import product
from typing import Any
from uuid import uuid4

import pytest

from gatekeeper.bootstrap import bootstrap
from tests.support.gatekeeper import NEVER, World, digest, document, few_shot, later
from tests.support.messaging import async_dsn
from tests.support.rollouts import plan
from tests.support.routes import is_refusal, served

BASE, NEXT = document("Answer.", "shots"), document("Answer well.", "shots")
LABELS = ("ingest_key", "browser_key", "maker_key", "reviewer_key", "admin_key")
NOBODY = ("", "rk_x_y", "nonsense")
# Each route of the API, and the kinds of keys that it admits.
ROUTES: dict[tuple[str, str], tuple[str, ...]] = {
    ("GET", "/v1/prompts"): ("maker_key", "reviewer_key", "admin_key"),
    ("GET", "/v1/prompts/{name}"): ("ingest_key", "maker_key", "reviewer_key", "admin_key"),
    ("GET", "/v1/prompts/{name}/versions"): ("maker_key", "reviewer_key", "admin_key"),
    ("POST", "/v1/prompts/{name}/archive"): ("reviewer_key", "admin_key"),
    ("POST", "/v1/prompts/{name}/rollback"): ("reviewer_key", "admin_key"),
    ("POST", "/v1/prompts/{name}/observed/{digest}/review"): ("reviewer_key", "admin_key"),
    ("GET", "/v1/versions/{digest}"): ("maker_key", "reviewer_key", "admin_key"),
    ("GET", "/v1/instances"): ("maker_key", "reviewer_key", "admin_key"),
    ("PUT", "/v1/instances/{instance}"): ("ingest_key", "maker_key", "reviewer_key", "admin_key"),
    ("GET", "/v1/stream"): ("ingest_key", "maker_key", "reviewer_key", "admin_key"),
    ("GET", "/v1/signing-keys"): LABELS,
    ("GET", "/v1/keys"): ("maker_key", "reviewer_key", "admin_key"),
    ("POST", "/v1/keys"): ("admin_key",),
    ("POST", "/v1/keys/{key_id}/revoke"): ("admin_key",),
    ("POST", "/v1/sign-in-links"): ("maker_key", "reviewer_key", "admin_key"),
    ("GET", "/v1/session"): LABELS,
    ("GET", "/v1/people"): ("maker_key", "reviewer_key", "admin_key"),
    ("POST", "/v1/proposals"): ("maker_key", "reviewer_key", "admin_key"),
    ("GET", "/v1/proposals"): ("maker_key", "reviewer_key", "admin_key"),
    ("GET", "/v1/proposals/{proposal_id}"): ("maker_key", "reviewer_key", "admin_key"),
    ("POST", "/v1/proposals/{proposal_id}/decisions"): ("reviewer_key", "admin_key"),
    ("POST", "/v1/proposals/{proposal_id}/evaluations"): ("maker_key", "reviewer_key", "admin_key"),
    ("GET", "/v1/evaluation-rules"): ("maker_key", "reviewer_key", "admin_key"),
    ("POST", "/v1/evaluation-rules"): ("admin_key",),
    ("GET", "/v1/rollouts"): ("maker_key", "reviewer_key", "admin_key"),
    ("GET", "/v1/rollouts/{rollout_id}"): ("maker_key", "reviewer_key", "admin_key"),
    **{
        ("POST", f"/v1/rollouts/{{rollout_id}}/{change}"): ("reviewer_key", "admin_key")
        for change in ("advance", "pause", "resume", "rollback")
    },
    ("GET", "/v1/grants"): ("maker_key", "reviewer_key", "admin_key"),
    ("POST", "/v1/grants"): ("reviewer_key", "admin_key"),
    ("POST", "/v1/grants/{grant_id}/revoke"): ("reviewer_key", "admin_key"),
    ("POST", "/v1/examples/{digest}/revoke"): ("reviewer_key", "admin_key"),
    ("POST", "/v1/halt"): ("maker_key", "reviewer_key", "admin_key"),
    ("POST", "/v1/resume"): ("reviewer_key", "admin_key"),
    ("GET", "/v1/loop"): LABELS,
    ("GET", "/v1/audit"): ("maker_key", "reviewer_key", "admin_key"),
    ("GET", "/v1/audit/verify"): ("maker_key", "reviewer_key", "admin_key"),
    ("GET", "/v1/ops/gatekeeper/topics"): ("reviewer_key", "admin_key"),
    ("GET", "/v1/ops/gatekeeper/dead-letters"): ("reviewer_key", "admin_key"),
    ("POST", "/v1/ops/gatekeeper/dead-letters/{letter_id}/replay"): ("reviewer_key", "admin_key"),
    ("POST", "/v1/ops/gatekeeper/dead-letters/{letter_id}/discard"): ("reviewer_key", "admin_key"),
    ("POST", "/v1/ops/gatekeeper/republish"): ("reviewer_key", "admin_key"),
    ("POST", "/v1/ops/gatekeeper/consumers/{consumer}/resume"): ("reviewer_key", "admin_key"),
}

# Routes with other requirements than a key: see test_sessions.
SIGNING_IN = {("POST", "/v1/sessions"), ("POST", "/v1/sessions/end")}


@pytest.fixture
async def stage(gate: World) -> World:
    await gate.promote(BASE)
    return gate


async def test_every_route_is_listed(stage: World) -> None:
    found = served(stage.app)
    assert found == set(ROUTES) | SIGNING_IN, found ^ set(ROUTES) ^ SIGNING_IN


async def test_every_key_on_every_route(stage: World) -> None:
    proposal = await stage.propose(NEXT, digest(BASE))
    event = few_shot(BASE, ("2+2", "4"))
    await stage.arrive(event)
    filled = {
        "name": "greeting", "proposal_id": proposal["id"], "grant_id": str(uuid4()), "letter_id": str(uuid4()),
        "consumer": "none", "instance": "web-1",
        "rollout_id": await open_rollout(stage),
        "key_id": "none",
        "digest": event.example_sets[0].examples[0].digest,
    }  # fmt: skip
    for (method, path), label in product(ROUTES, (*LABELS, *NOBODY)):
        allowed = label in ROUTES[method, path]
        if allowed and (label in ("reviewer_key", "admin_key") or path == "/v1/stream"):
            continue  # allowed; an open stream does not end
        parts = {**filled, "digest": digest(BASE)} if path.startswith("/v1/versions/") else filled
        answer = await stage.ask(label, method, path.format(**parts), None if method == "GET" else body(path, NEXT))
        assert (answer.status_code < 400) == allowed, (
            f"{method} {path} with {label}: {answer.status_code} {answer.text}"
        )
        if not allowed:
            assert is_refusal(answer, 401 if label in NOBODY else 403), f"{method} {path} with {label}: {answer.text}"
    live = await stage.live()
    assert live is not None
    assert (live["digest"], live["sequence"]) == (digest(BASE), 1)


async def open_rollout(stage: World) -> str:
    """Return the id of an open rollout of the prompt `other`."""
    base: str | None = None
    for words, chosen in ((BASE, None), (document("Answer briefly.", "shots"), plan())):
        draft = {"name": "other", "target": "bot", "base_digest": base, "document": words, "why": "w"}
        proposal = (await stage.ask("maker_key", "POST", "/v1/proposals", draft)).json()
        base = proposal["digest"]
        verdict = {"verdict": "approved", "reason": "", "digest": base, "rollout_plan": chosen}
        done = await stage.ask("reviewer_key", "POST", f"/v1/proposals/{proposal['id']}/decisions", verdict)
    return str(done.json()["live"]["rollout"]["rollout_id"])


def body(path: str, draft: dict[str, Any]) -> dict[str, Any]:
    """Return the most harmful body that the route accepts."""
    bodies: dict[str, dict[str, Any]] = {
        "/v1/prompts/{name}/rollback": {"reason": "", "to_digest": digest(BASE)},
        "/v1/proposals": {"name": "greeting", "target": "bot", "document": draft, "why": "w", "base_digest": NEVER},
        "/v1/proposals/{proposal_id}/decisions": {"verdict": "approved", "reason": "", "digest": digest(draft)},
        "/v1/evaluation-rules": {"target": "bot", "rule": "default"},
        "/v1/grants": {"name": "greeting", "slot": "shots", "count": 9, "per_hour": 9, "expires_at": later()},
        "/v1/keys": {"subject": "mine", "scopes": ["read"]},
        "/v1/sign-in-links": {"subject": "maker", "role": "admin"},
        "/v1/instances/{instance}": {"sdk": "python/1", "prompts": []},
        "/v1/ops/gatekeeper/republish": {},
    }
    return bodies.get(path, {"reason": "r"})


async def test_key_of_another_environment_reads_and_changes_nothing(stage: World) -> None:
    made = await bootstrap(async_dsn(stage.dsn), stage.signer.private, environment="staging")
    stage.keys.update({f"staging_{label}": raw for label, raw in made.items()})
    proposal = await stage.propose(NEXT, digest(BASE))
    assert (await stage.decide(proposal, by="staging_reviewer_key")).status_code == 404
    assert (await stage.ask("staging_ingest_key", "GET", "/v1/prompts/greeting")).status_code == 404
    back = await stage.ask("staging_reviewer_key", "POST", "/v1/prompts/greeting/rollback", {"reason": ""})
    assert back.json()["code"] == "prompt-not-live"


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        ({"verdict": "yes"}, "verdict"),
        ({"digest": "sha256:short"}, "digest"),
        ({"reason": 7}, "reason"),
        ({"reason": "x" * 2001}, "reason"),
        ({"extra": 1}, "extra"),
    ],
)
async def test_invalid_field_is_named(stage: World, broken: dict[str, Any], field: str) -> None:
    proposal = await stage.propose(NEXT, digest(BASE))
    sent = {"verdict": "approved", "reason": "", "digest": proposal["digest"], **broken}
    answer = await stage.ask("reviewer_key", "POST", f"/v1/proposals/{proposal['id']}/decisions", sent)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b'{"reason": NaN}', {}, 422),
        (b'{"reason": "\\u0000"}', {}, 422),
        (b'{"reason": "a", "reason": "b"}', {}, 422),
        (b"[]", {}, 422),
        (b"reason=x", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"\x1f\x8b", {"Content-Encoding": "gzip"}, 415),
        (b'"' + b"x" * 600_000 + b'"', {}, 413),
        (b"[" * 5000, {}, 422),
    ],
)
async def test_a_hostile_body_halts_nothing(stage: World, content: bytes, headers: dict[str, str], status: int) -> None:
    sent = {"Authorization": f"Bearer {stage.keys['maker_key']}", "Content-Type": "application/json", **headers}
    answer = await stage.clients["api"].post("/v1/halt", content=content, headers=sent)
    assert answer.status_code == status, answer.text
    assert answer.json()["code"]
    assert (await stage.ask("maker_key", "GET", "/v1/loop")).json()["halted"] is False
