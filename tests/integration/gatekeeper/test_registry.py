"""What people see of versions, and reviews of versions deployed outside Ratchet."""

from typing import Any

import pytest

from gatekeeper.bootstrap import bootstrap
from gatekeeper.domain.api_keys import DEFAULT_KEYS, KeyPlan
from gatekeeper.domain.content import version_content
from ratchet.prompt import parse
from tests.support.gatekeeper import NEVER, World, digest, document
from tests.support.messaging import async_dsn

ONE, TWO = document("One"), document("Two")


async def observe_digest(
    gate: World, words: dict[str, Any], name: str = "greeting", environment: str = "production"
) -> str:
    """Record a digest that an app uses and Ratchet did not serve."""
    await gate.sql(
        "INSERT INTO gatekeeper.observed VALUES ('default', :environment, :name, :digest, 'bot', now())",
        digest=digest(words), name=name, environment=environment,
    )  # fmt: skip
    return f"/v1/prompts/{name}/observed/{digest(words)}/review"


async def observed(gate: World) -> dict[str, bool]:
    [item] = (await gate.ask("maker_key", "GET", "/v1/prompts")).json()["items"]
    return {seen["digest"]: seen["reviewed"] for seen in item["observed"]}


async def reviews(gate: World) -> list[dict[str, Any]]:
    items = (await gate.ask("maker_key", "GET", "/v1/audit?limit=1000")).json()["items"]
    return [entry for entry in items if entry["kind"] == "observed.reviewed"]


async def test_a_version_is_shown_also_if_it_was_never_live(gate: World) -> None:
    await gate.propose(ONE)
    shown = (await gate.ask("maker_key", "GET", f"/v1/versions/{digest(ONE)}")).json()
    assert (shown["digest"], shown["document"]) == (digest(ONE), ONE)
    assert shown["added_at"][:2] == "20"
    assert shown.keys() == {"digest", "document", "added_at"}


@pytest.mark.parametrize("asked", [NEVER, "nonsense"])
async def test_an_unknown_version_is_a_404(gate: World, asked: str) -> None:
    answer = await gate.ask("maker_key", "GET", f"/v1/versions/{asked}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-version")


async def test_a_version_of_another_project_is_not_known_here(gate: World) -> None:
    content = version_content(parse(ONE))
    await gate.sql("INSERT INTO gatekeeper.projects (project) VALUES ('other')")
    await gate.sql(
        "INSERT INTO gatekeeper.prompt_versions VALUES ('other', :digest, :canonical)",
        digest=content.digest, canonical=content.canonical,
    )  # fmt: skip
    assert (await gate.ask("maker_key", "GET", f"/v1/versions/{digest(ONE)}")).status_code == 404


async def test_each_version_has_its_target(gate: World) -> None:
    await gate.promote(ONE)
    await gate.promote(TWO, digest(ONE))
    items = (await gate.ask("maker_key", "GET", "/v1/prompts/greeting/versions")).json()["items"]
    assert [(item["sequence"], item["target"]) for item in items] == [(2, "bot"), (1, "bot")]


async def test_live_versions_of_other_environments_are_shown(gate: World) -> None:
    await gate.promote(ONE)
    plans = (*DEFAULT_KEYS, KeyPlan("reader_key", "watcher", "service", ("read",)))
    made = await bootstrap(async_dsn(gate.dsn), gate.signer.private, environment="staging", keys=plans)
    gate.keys.update({f"staging_{label}": raw for label, raw in made.items()})
    await observe_digest(gate, TWO, environment="staging")
    found = {
        key: (await gate.ask(key, "GET", "/v1/prompts")).json()["items"][0]
        for key in ("maker_key", "staging_maker_key", "staging_reader_key")
    }
    assert (found["maker_key"]["live"]["digest"], found["maker_key"]["elsewhere"]) == (digest(ONE), [])
    assert found["staging_maker_key"]["live"] is None
    [elsewhere] = found["staging_maker_key"]["elsewhere"]
    assert (elsewhere["environment"], elsewhere["digest"]) == ("production", digest(ONE))
    assert found["staging_reader_key"]["elsewhere"] == [], "a service's key is for its own environment"


async def test_the_list_of_versions_has_the_target_of_a_rollback(gate: World) -> None:
    path = "/v1/prompts/greeting/versions"
    assert (await gate.ask("maker_key", "GET", path)).json()["previous"] is None
    await gate.promote(ONE)
    await gate.promote(TWO, digest(ONE))
    found = (await gate.ask("maker_key", "GET", path, params={"limit": 1})).json()
    assert (found["previous"], len(found["items"])) == (digest(ONE), 1)
    await gate.ask("reviewer_key", "POST", "/v1/prompts/greeting/rollback", {"reason": ""})
    assert (await gate.ask("maker_key", "GET", path)).json()["previous"] is None


async def test_a_name_may_have_a_slash_and_be_a_filter(gate: World) -> None:
    await observe_digest(gate, ONE, "bots/de%20answer")
    await observe_digest(gate, TWO, "bots")
    quoted = "/v1/prompts/bots%2Fde%2520answer"
    [one] = (await gate.ask("maker_key", "GET", "/v1/prompts", params={"name": "bots/de%20answer"})).json()["items"]
    assert (one["name"], one["live"], len(one["observed"])) == ("bots/de%20answer", None, 1)
    assert (await gate.ask("maker_key", "GET", f"{quoted}/versions")).json()["items"] == []
    assert (await gate.ask("maker_key", "GET", quoted)).json()["code"] == "prompt-not-live"
    refused = await gate.ask("reviewer_key", "POST", f"{quoted}/rollback", {"reason": ""})
    assert refused.json()["code"] == "prompt-not-live"
    looked = await gate.ask("reviewer_key", "POST", f"{quoted}/observed/{digest(ONE)}/review")
    assert (looked.status_code, looked.json()["name"]) == (200, "bots/de%20answer")


async def test_review_promotes_nothing(gate: World) -> None:
    path, other = await observe_digest(gate, ONE), await observe_digest(gate, TWO)
    first = (await gate.ask("reviewer_key", "POST", path)).json()
    again = (await gate.ask("second_key", "POST", path)).json()
    assert first == again, "the first review counts"
    assert (first["name"], first["digest"], first["reviewed"], first["by"]) == (
        "greeting", digest(ONE), True, "reviewer",
    )  # fmt: skip
    assert await observed(gate) == {digest(ONE): True, digest(TWO): False}
    [entry] = await reviews(gate)
    assert (entry["by"], entry["name"], entry["digest"], entry["environment"]) == (
        "reviewer", "greeting", digest(ONE), "production",
    )  # fmt: skip
    assert await gate.live() is None
    assert (await gate.ask("maker_key", "GET", "/v1/audit/verify")).json()["ok"] is True
    assert (await gate.ask("maker_key", "POST", other)).status_code == 403


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/v1/prompts/greeting/observed/{NEVER}/review", 404, "unknown-observation"),
        (f"/v1/prompts/another/observed/{digest(ONE)}/review", 404, "unknown-observation"),
        (f"/v1/prompts/staged/observed/{digest(ONE)}/review", 404, "unknown-observation"),
        ("/v1/prompts/greeting/observed/nonsense/review", 422, "invalid"),
    ],
)
async def test_only_observed_digests_can_be_reviewed(gate: World, path: str, status: int, code: str) -> None:
    await observe_digest(gate, ONE)
    await observe_digest(gate, ONE, "staged", "staging")
    answer = await gate.ask("reviewer_key", "POST", path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await reviews(gate) == []


async def test_a_review_needs_its_entry_and_is_immutable(gate: World) -> None:
    await gate.ask("reviewer_key", "POST", await observe_digest(gate, ONE))
    for statement in ("DELETE FROM gatekeeper.reviews", "UPDATE gatekeeper.reviews SET by = 'ann'"):
        with pytest.raises(Exception, match="immutable"):
            await gate.sql(statement)
    async with gate.owner.begin() as conn:
        await conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await conn.exec_driver_sql("UPDATE gatekeeper.reviews SET audit_seq = 1")
    result = (await gate.ask("maker_key", "GET", "/v1/audit/verify")).json()
    assert result["problems"] == [f"review of greeting {digest(ONE)} has no entry"]
