"""Proposing an edit: permission, unchanged parts, preview, and errors."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from console.domain.prompt_edits import fields, format_uneditable_part, parse_form, preview
from ratchet.prompt import parse
from tests.support.console import DIGEST, NOW, OTHER, FakeServices, console_client
from tests.support.prompts import minimal

DOCUMENT = parse(
    {
        "schema": "ratchet.prompt/1",
        "messages": [
            {"role": "system", "content": "Be brief, {{who}}.\n</textarea><script>"},
            {"slot": "shots"},
            {"role": "user", "content": "Go."},
        ],
        "variables": {"who": {"type": "string"}},
        "slots": {"shots": {"max": 2}},
        "model": "m\u202e",
    }
).to_dict()
SEEN = {"digest": DIGEST, "target": "bot", "first_seen": NOW, "content_known": True, "reviewed": False}
LIVE = {"target": "bot", "digest": OTHER, "sequence": 3, "reason": "promoted", "by": "ann", "occurred_at": NOW}


def known(api: FakeServices, live: object = None, **seen: Any) -> None:
    api.answers["/v1/prompts"] = {
        "items": [{"name": "answer", "live": live, "observed": [{**SEEN, **seen}]}], "next": None
    }  # fmt: skip
    for digest in (DIGEST, OTHER):
        api.answers[f"/v1/versions/{digest}"] = {"digest": digest, "document": DOCUMENT, "added_at": NOW}


def form(*texts: str, document: object = DOCUMENT, base: str = DIGEST) -> bytes:
    written = document if isinstance(document, str) else json.dumps(document)
    messages = {f"document.messages.{index}.content": text for index, text in zip((0, 2), texts, strict=False)}
    return urlencode({"target": "bot", "name": "answer", "base_digest": base, "document": written, **messages}).encode()


def test_messages_are_form_fields_and_slots_are_placeholders() -> None:
    first, second, third = fields(DOCUMENT)
    assert (first.name, first.role, first.number) == ("document.messages.0.content", "system", 1)
    assert (second.slot, third.content) == ("shots", "Go.")
    assert first.rows == 4
    assert fields({"messages": [{"role": "user", "content": "\n" * 200}]})[0].rows == 24


def test_other_parts_are_kept_and_shown_with_invisible_characters() -> None:
    assert "messages" not in format_uneditable_part(DOCUMENT)
    assert '"model": "m<U+202E>"' in format_uneditable_part(DOCUMENT)


def test_form_texts_change_only_the_messages() -> None:
    sent = parse_form(form("Be long, {{who}}.", "Stop."))
    assert sent["base_digest"] == DIGEST
    assert [it.get("content") for it in sent["document"]["messages"]] == ["Be long, {{who}}.", None, "Stop."]
    assert {**sent["document"], "messages": 0} == {**DOCUMENT, "messages": 0}


@pytest.mark.parametrize("document", ["", "[]", "7", '{"messages": 3}', "{}", "[" * 200_000, '{"messages": ["x"]}'])
def test_form_without_document_is_rejected(document: str) -> None:
    with pytest.raises(ValueError, match=r"document|value"):
        parse_form(form("x", document=document))


def test_preview_names_the_invalid_field() -> None:
    sent = parse_form(form("Be brief, {{whom}}."))
    seen = preview(DOCUMENT, sent["document"])
    assert (seen.digest, seen.field) == (None, "messages[0].content")
    assert "whom" in seen.problem


def test_browser_line_endings_change_nothing() -> None:
    text = str(fields(DOCUMENT)[0].content).replace("\n", "\r\n")
    assert preview(DOCUMENT, parse_form(form(text))["document"]).differs == []


async def test_form_starts_with_the_live_version(api: FakeServices) -> None:
    known(api)
    async with console_client(api) as client:
        page = (await client.get(f"/prompts/answer/edit?from={DIGEST}")).text
    assert "&lt;/textarea&gt;&lt;script&gt;" in page
    assert "is not managed by Ratchet yet" in page
    assert f'name="base_digest" value="{DIGEST}"' in page
    assert "Examples of the slot <b>shots</b> are inserted here" in page
    assert "No changes yet" in page
    assert "data-draft" in page
    assert 'data-live=""' in page, "a draft being edited is never replaced"


async def test_only_reviewer_is_warned_before_editing(api: FakeServices) -> None:
    known(api, LIVE)
    api.answers["/v1/people"] = {"items": [{"subject": "ann", "scopes": ["review"]}], "next": None}
    async with console_client(api) as client:
        assert "There is no other reviewer yet" in (await client.get("/prompts/answer/edit")).text
        api.answers["/v1/people"]["items"].append({"subject": "bob", "scopes": ["review"]})
        assert "There is no other reviewer" not in (await client.get("/prompts/answer/edit")).text
        api.answers["/v1/people"] = None
        assert "There is no other reviewer" not in (await client.get("/prompts/answer/edit")).text, "not known"


async def test_edit_of_an_older_version_replaces_the_live_one(api: FakeServices) -> None:
    known(api, LIVE)
    async with console_client(api) as client:
        page = (await client.get(f"/prompts/answer/edit?from={DIGEST}")).text
    assert "The edit starts from" in page
    assert f'name="base_digest" value="{OTHER}"' in page


async def test_missing_permission_to_propose_is_explained(api: FakeServices) -> None:
    api.sign_in("read", role="viewer")
    known(api)
    async with console_client(api) as client:
        answer = await client.get("/prompts/answer/edit")
    assert answer.status_code == 403
    assert "Only reviewers" in answer.text


async def test_unknown_document_cannot_be_edited(api: FakeServices) -> None:
    known(api, content_known=False)
    async with console_client(api) as client:
        assert "sent its digest only" in (await client.get("/prompts/answer/edit")).text
        known(api)
        del api.answers[f"/v1/versions/{DIGEST}"]
        assert (await client.get("/prompts/answer/edit")).status_code == 404


async def test_preview_shows_the_changes_and_sends_nothing(api: FakeServices) -> None:
    known(api)
    async with console_client(api) as client:
        part = (await client.post("/prompts/answer/preview", content=form("Be <b>brief</b>, {{who}}."))).text
    assert "<html" not in part
    assert "&lt;" in part
    assert "New version:" in part
    assert {request.method for request in api.requests} == {"GET"}


async def test_preview_of_an_invalid_document_shows_the_error(api: FakeServices) -> None:
    known(api)
    async with console_client(api) as client:
        odd = await client.post("/prompts/answer/preview", content=b"\xff")
        large = await client.post("/prompts/answer/preview", content=b"x" * 1_000_001)
        nowhere = await client.post("/prompts/answer/preview", content=form("Be.", base="../secrets"))
    assert "document: must be a JSON document of at most 1 MB" in odd.text
    assert odd.text == large.text
    assert "New version:" in nowhere.text
    assert not [request for request in api.requests if "secrets" in request.url.path]


def test_template_syntax_of_other_tools_is_reported() -> None:
    document = minimal(messages=[{"role": "system", "content": "Hi {{user.name}}"}])
    assert preview(None, document).warnings == ("{{user.name}}",)
