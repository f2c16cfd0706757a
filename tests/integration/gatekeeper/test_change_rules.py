"""Changes without effect are rejected; prompt names follow the naming rule and are read from paths unchanged."""

from typing import Any

import pytest

from tests.support.gatekeeper import World, digest, document, ready

ONE, TWO = document("One"), document("Two")


def proposal(words: dict[str, Any], base: dict[str, Any] | None, name: str = "greeting") -> dict[str, Any]:
    base_digest = None if base is None else digest(base)
    return {"name": name, "target": "bot", "base_digest": base_digest, "document": words, "why": "because"}


async def code(gate: World, key: str, path: str, body: dict[str, Any], **more: Any) -> tuple[int, str]:
    answer = await gate.ask(key, "POST", path, body, **more)
    return answer.status_code, str(answer.json().get("code"))


async def test_edit_equal_to_the_live_version_is_rejected(gate: World) -> None:
    await gate.promote(ONE)
    same = {**ONE, "messages": [{"role": "system", "content": "One"}], "parameters": {}}
    for words, base in ((ONE, ONE), (same, ONE), (ONE, None), (TWO, TWO)):
        assert await code(gate, "maker_key", "/v1/proposals", proposal(words, base)) == (409, "no-change")


async def test_version_that_became_live_meanwhile_cannot_be_approved(gate: World) -> None:
    first, second = await gate.propose(ONE), await gate.propose(ONE)
    assert (await gate.decide(first)).status_code == 200
    answer = await gate.decide(second)
    assert (answer.status_code, answer.json()["code"]) == (409, "no-change")
    assert (await gate.decide(second, verdict="rejected")).status_code == 200


async def test_late_proposal_of_a_service_is_stored_but_cannot_be_approved(gate: World) -> None:
    await gate.promote(ONE)
    await gate.promote(TWO, digest(ONE))
    late = ready(TWO, ONE)
    await gate.arrive(late)
    answer = await gate.decide({"id": late.proposal_id, "digest": late.digest})
    assert (answer.status_code, answer.json()["code"]) == (409, "no-change")


async def test_rollback_to_the_live_version_is_rejected(gate: World) -> None:
    await gate.promote(ONE)
    await gate.promote(TWO, digest(ONE))
    body = {"to_digest": digest(TWO), "reason": ""}
    assert await code(gate, "reviewer_key", "/v1/prompts/greeting/rollback", body) == (409, "no-change")


async def test_repeated_request_gets_the_same_response(gate: World) -> None:
    headers = {"Idempotency-Key": "k"}
    made = await gate.ask("maker_key", "POST", "/v1/proposals", proposal(ONE, None), headers=headers)
    await gate.decide(made.json())
    again = await gate.ask("maker_key", "POST", "/v1/proposals", proposal(ONE, None), headers=headers)
    assert (again.status_code, again.json()["id"]) == (201, made.json()["id"])


@pytest.mark.parametrize("name", ["a\nb", "a,b", "x" * 129, "", " a", "a/../b", "a\u200bb", "a//b", None, 5])
async def test_invalid_name_cannot_be_proposed(gate: World, name: Any) -> None:
    answer = await gate.ask("maker_key", "POST", "/v1/proposals", proposal(ONE, None, name))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "name")
    body = {"name": name, "slot": "s", "count": 1, "per_hour": 1, "expires_at": "2030-01-01T00:00:00Z"}
    assert (await gate.ask("reviewer_key", "POST", "/v1/grants", body)).json()["errors"][0]["field"] == "name"


@pytest.mark.parametrize("target", ["a\nb", "a\x7f", "\t"])
async def test_target_that_executions_cannot_have_is_rejected(gate: World, target: str) -> None:
    answer = await gate.ask("maker_key", "POST", "/v1/proposals", {**proposal(ONE, None), "target": target})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "target")


async def test_a_name_is_found_in_each_of_its_unicode_forms(gate: World) -> None:
    made = await gate.ask("maker_key", "POST", "/v1/proposals", proposal(ONE, None, "caf\u00e9"))
    assert (await gate.decide(made.json())).status_code == 200
    for path in ("/v1/prompts", "/v1/proposals"):
        for name in ("caf\u00e9", "cafe\u0301"):
            answer = await gate.ask("maker_key", "GET", path, params={"name": name})
            assert [item["name"] for item in answer.json()["items"]] == ["caf\u00e9"]


async def test_stream_of_a_name_with_nul_is_rejected(gate: World) -> None:
    answer = await gate.ask("ingest_key", "GET", "/v1/stream", params={"names": "a,b\0"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "names")


async def test_an_encoded_slash_belongs_to_the_name(gate: World) -> None:
    for name, words in (("x", ONE), ("x/versions", TWO), ("x/rollback", TWO)):
        made = await gate.ask("maker_key", "POST", "/v1/proposals", proposal(words, None, name))
        assert (await gate.decide(made.json())).status_code == 200

    async def get(path: str) -> dict[str, Any]:
        answer = await gate.ask("maker_key", "GET", f"/v1/prompts/{path}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    assert (await get("x%2Fversions"))["name"] == "x/versions"
    assert (await get("x/rollback"))["name"] == (await get("x%2frollback"))["name"] == "x/rollback"
    assert [item["digest"] for item in (await get("x/versions"))["items"]] == [digest(ONE)]
    for path in ("x%2Fversions/versions", "x/versions/versions"):
        assert [item["digest"] for item in (await get(path))["items"]] == [digest(TWO)]
    assert await code(gate, "reviewer_key", "/v1/prompts/x%2Frollback/rollback", {"reason": ""}) == (
        409,
        "nothing-before",
    )


async def test_archived_prompt_is_unlisted_until_the_next_promotion(gate: World) -> None:
    await gate.promote(ONE)

    async def listed(query: str = "") -> list[str]:
        found = (await gate.ask("maker_key", "GET", f"/v1/prompts{query}")).json()["items"]
        return [item["name"] for item in found]

    path, body = "/v1/prompts/greeting/archive", {"reason": "the bot is gone"}
    assert (await gate.ask("maker_key", "POST", path, body)).status_code == 403
    assert (await gate.ask("reviewer_key", "POST", path, {"reason": ""})).status_code == 422
    assert await code(gate, "reviewer_key", "/v1/prompts/nobody/archive", body) == (404, "unknown-prompt")
    for _ in range(2):
        assert (await gate.ask("reviewer_key", "POST", path, body)).json()["archived"]["reason"] == "the bot is gone"
    assert (await listed(), await listed("?archived=true"), await listed("?name=greeting")) == (
        [],
        ["greeting"],
        ["greeting"],
    )
    live = await gate.live()
    assert live is not None
    assert live["digest"] == digest(ONE), "the served version does not change"
    audit = (await gate.ask("maker_key", "GET", "/v1/audit?limit=100")).json()["items"]
    assert [entry["kind"] for entry in audit].count("prompt.archived") == 1
    await gate.promote(TWO, digest(ONE))
    assert await listed() == ["greeting"]
