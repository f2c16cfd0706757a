"""Four eyes: one person has one subject, and no sign-in link lets an author decide under another name."""

import unicodedata
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from gatekeeper.bootstrap import first_link
from tests.integration.gatekeeper.test_sessions import by_cookie, link, session, sign_in
from tests.support.gatekeeper import World, document
from tests.support.messaging import async_dsn

# Different spellings of the person `reviewer`.
SAME = (
    "reviewer ",
    " reviewer",
    "\treviewer\n",
    "Reviewer",
    "REVIEWER",
    "reviewer\u00a0",
    "\u3000reviewer",
    "reviewer\u2009",
)
# Texts that only resemble `reviewer`, or the person `andré 10`, and name no person.
ALIKE = (
    "r\u0435viewer", "revi\u0435wer", "\uff52eviewer", "\U0001d42beviewer", "rev\u0131ewer", "review\u200ber",
    "review\xader", "review\u2060er", "\u202ereviewer", "review\ufe0fer", "review\u034fer",
    "\u0440\u0435v\u0456\u0435w\u0435r", "review\U000e0041er", "andre\u0301 1o", "andre\u0301 lo",
    "andr\xe9\u2800 10", "\u0430ndr\xe9 10", "review\x07er", "review\u3164er", "re\u0475iewer",
    "rev1ewer", "reviewer.", ".reviewer", "re-viewer", "reviewer_", "revlewer", "r3v!ewer", "revievver", "REV1EWER",
    "sec0nd", "5econd", "s.e.c.o.n.d", "andré 1.0", "andré10", "...", "-",
    "\u0455\u0435\u0441\u043end", "s\u0435cond", "\u03c5\u03c1", "", " \t ",
)  # fmt: skip


async def invite(gate: World, subject: str, role: str = "reviewer", by: str = "admin_key") -> Any:
    return await gate.ask(by, "POST", "/v1/sign-in-links", {"subject": subject, "role": role})


@pytest.fixture
async def stage(gate: World) -> World:
    for subject in ("andré 10", "up"):
        assert (await invite(gate, subject)).status_code == 201
    return gate


async def test_spellings_of_a_subject_are_one_person(stage: World) -> None:
    people = await stage.sql("SELECT subject FROM gatekeeper.people ORDER BY 1")
    for subject in (*SAME, unicodedata.normalize("NFD", "André 10"), "andré  10"):
        answer = await invite(stage, subject)
        assert answer.status_code == 201, (subject, answer.text)
        assert answer.json()["subject"] in ("reviewer", "andré 10")
    for subject in ALIKE:
        answer = await invite(stage, subject)
        assert answer.status_code == 422, (ascii(subject), answer.text)
    assert await stage.sql("SELECT subject FROM gatekeeper.people ORDER BY 1") == people
    for subject in (
        "Zoë",
        "李雷",
        "Иван",
        "Ἀθηνᾶ",
        "o'brien-smith",
        "ann@example.com",
        "山田 Taro",
        "user_7",
        "user_8",
        "की",
        "का",
        "Łukasz",
    ):
        assert (await invite(stage, subject)).status_code == 201, subject


@pytest.mark.parametrize("subject", ["reviewer ", "r\u0435viewer", "e\u0301va", "a  b", "Reviewer", "x\u200by"])
async def test_database_rejects_a_second_spelling_of_a_person(gate: World, subject: str) -> None:
    with pytest.raises(DBAPIError, match=r"subject-(invalid|confusable)"):
        await gate.sql("INSERT INTO gatekeeper.people (project, subject) VALUES ('default', :s)", s=subject)


async def test_a_service_needs_a_distinct_name(gate: World) -> None:
    async def issue(subject: str) -> Any:
        return await gate.ask("admin_key", "POST", "/v1/keys", {"subject": subject, "scopes": ["read"]})

    assert [(await issue(subject)).status_code for subject in ("shop-bot", "shop-bot", "shop-bot ")] == [201] * 3
    for subject, like in (
        ("rev1ewer.", "reviewer, a person"),
        ("reviewer", "reviewer, a person"),
        ("Shopbot", "shop-bot, a"),
    ):
        refused = await issue(subject)
        assert (refused.status_code, refused.json()["code"]) == (422, "subject-confusable")
        assert like in refused.json()["detail"]
    assert (await issue("--")).json()["code"] == "subject-invalid"
    for subject, like in (("shop.b0t", "shop-bot, a service"), ("rev1ewer", "reviewer, a person")):
        refused = await invite(gate, subject)
        assert (refused.status_code, refused.json()["code"]) == (422, "subject-confusable")
        assert like in refused.json()["detail"]


async def decided(gate: World, proposal: dict[str, Any], cookies: dict[str, str]) -> tuple[int, str]:
    """Approve in a person's session. Return status and code."""
    body = {"verdict": "approved", "digest": proposal["digest"], "reason": ""}
    answer = await by_cookie(gate, cookies, "POST", f"/v1/proposals/{proposal['id']}/decisions", body)
    return answer.status_code, answer.json().get("code", "")


@pytest.mark.parametrize("subject", ["eve", "reviewer", "Reviewer ", "second"])
async def test_no_author_approves_through_a_link_for_another_person(gate: World, subject: str) -> None:
    proposal = await gate.propose(document("Hello."), by="admin_key")
    cookies = await session(gate, subject=subject, role="admin")
    assert await decided(gate, proposal, cookies) == (403, "author-made-link")
    further = await session(gate, subject=subject, role="reviewer", by=cookies["ratchet_acting"])
    assert await decided(gate, proposal, further) == (403, "author-made-link")
    stranger = await session(gate, subject="mallory", role="reviewer", by=cookies["ratchet_acting"])
    assert await decided(gate, proposal, stranger) == (403, "author-made-link")
    assert await gate.live() is None
    assert (await gate.decide(proposal, by="second_key")).status_code == 200


async def test_author_in_another_spelling_is_still_the_author(gate: World) -> None:
    """A row from before subjects were normalised."""
    await gate.sql("ALTER TABLE gatekeeper.people DISABLE TRIGGER check_person_insert")
    await gate.sql("INSERT INTO gatekeeper.people (project, subject) VALUES ('default', 'Maker ')")
    await gate.sql(
        """UPDATE gatekeeper.api_keys SET subject = 'Maker ' WHERE subject = 'second'""",
    )
    gate.app.state.keys._cache.clear()
    answer = await gate.decide(await gate.propose(document("Hello.")), by="second_key")
    assert answer.json()["code"] == "own-proposal"


async def test_others_proposals_are_decided_in_a_session_by_an_admins_link(gate: World) -> None:
    proposal = await gate.propose(document("Hello."))
    cookies = await session(gate, subject="eve", role="reviewer")
    assert await decided(gate, proposal, cookies) == (200, "")


async def test_link_by_the_database_owner_has_no_creator(gate: World) -> None:
    """Also if the author's name is `owner`."""
    path = await first_link(async_dsn(gate.dsn), gate.signer.private, "Reviewer")
    answer = await sign_in(gate, path.partition("#")[2])
    assert answer.json()["subject"] == "reviewer"
    cookies = {cookie.name: str(cookie.value) for cookie in answer.cookies.jar}
    gate.clients["api"].cookies.clear()
    assert await decided(gate, await gate.propose(document("Hello.")), cookies) == (200, "")


async def test_a_link_for_an_existing_person_is_audited_as_such(gate: World) -> None:
    for subject in ("eve", "eve", "reviewer"):
        await link(gate, subject=subject, role="viewer")
    made = (await gate.ask("maker_key", "GET", "/v1/audit?kind=link.made")).json()["items"]
    assert [(entry["subject"], entry["existing"]) for entry in made] == [
        ("eve", False), ("eve", True), ("reviewer", True),
    ]  # fmt: skip


async def test_a_reviewers_key_is_not_an_admins(gate: World) -> None:
    assert (await invite(gate, "eve", by="reviewer_key")).json()["code"] == "not-allowed"
    assert (await gate.ask("reviewer_key", "POST", "/v1/keys", {"subject": "b", "scopes": ["read"]})).status_code == 403
