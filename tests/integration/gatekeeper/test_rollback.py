"""Rollback: always possible, only to versions that were live in the environment, by a reviewer."""

import pytest

from tests.support.gatekeeper import NEVER, World, digest, document

ONE, TWO, THREE = document("One"), document("Two"), document("Three")


@pytest.fixture
async def three_versions(gate: World) -> World:
    """Three versions that went live in turn."""
    base = None
    for words in (ONE, TWO, THREE):
        await gate.promote(words, base)
        base = digest(words)
    return gate


async def roll_back(gate: World, key: str = "reviewer_key", **body: object) -> tuple[int, str]:
    answer = await gate.ask(key, "POST", "/v1/prompts/greeting/rollback", {"reason": "worse", **body})
    return answer.status_code, answer.json()["digest" if answer.status_code == 200 else "code"]


async def test_each_rollback_goes_one_version_back(three_versions: World) -> None:
    assert await roll_back(three_versions) == (200, digest(TWO))
    assert await roll_back(three_versions) == (200, digest(ONE))
    assert await roll_back(three_versions) == (409, "nothing-before")
    live = await three_versions.live()
    assert live is not None
    assert (live["sequence"], live["reason"], live["authorisation"]["kind"]) == (5, "rolled_back", "rollback")


async def test_rollback_works_while_halted_and_uses_no_decision(three_versions: World) -> None:
    await three_versions.ask("ingest_key", "POST", "/v1/halt", {"reason": "smoke"})
    assert await roll_back(three_versions, to_digest=digest(ONE)) == (200, digest(ONE))
    assert await three_versions.sql("SELECT count(*) FROM gatekeeper.decisions") == [(3,)]


async def test_a_rollback_to_a_version_that_was_never_live_is_refused(three_versions: World) -> None:
    draft = await three_versions.propose(document("Four"), digest(THREE))
    assert await roll_back(three_versions, to_digest=draft["digest"]) == (409, "never-live")
    assert await roll_back(three_versions, to_digest=NEVER) == (409, "never-live")


@pytest.mark.parametrize("key", ["ingest_key", "maker_key", "browser_key"])
async def test_a_rollback_needs_a_reviewing_person(three_versions: World, key: str) -> None:
    assert (await roll_back(three_versions, key))[0] == 403


async def test_without_a_live_version_there_is_no_rollback(gate: World) -> None:
    assert await roll_back(gate) == (404, "prompt-not-live")


async def test_the_first_version_rolls_back_to_the_observed_one(gate: World) -> None:
    await gate.propose(ONE)  # its content is known from a proposal that was not approved
    await gate.sql(
        "INSERT INTO gatekeeper.observed VALUES ('default', 'production', 'greeting', :digest, 'bot', now())",
        digest=digest(ONE),
    )
    await gate.promote(TWO, digest(ONE))
    assert await roll_back(gate) == (200, digest(ONE))


async def test_versions_are_listed_newest_first_with_their_authorisation(three_versions: World) -> None:
    await roll_back(three_versions)
    page = (await three_versions.ask("maker_key", "GET", "/v1/prompts/greeting/versions?limit=3")).json()
    assert [item["sequence"] for item in page["items"]] == [4, 3, 2]
    assert [item["authorisation"]["kind"] for item in page["items"]] == ["rollback", "decision", "decision"]
    rest = (await three_versions.ask("maker_key", "GET", f"/v1/prompts/greeting/versions?cursor={page['next']}")).json()
    assert [item["digest"] for item in rest["items"]] == [digest(ONE)]
