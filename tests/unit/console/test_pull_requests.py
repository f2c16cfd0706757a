"""Pull requests on the pages of proposals and prompts."""

from typing import Any

import pytest

from tests.support.console import DIGEST, NOW, FakeServices, console_client
from tests.unit.console.test_prompt import managed
from tests.unit.console.test_quality_pages import proposal

CHECK = {"name": "model", "passed": False, "evidence": "managed <b>model</b>"}
PULL: dict[str, Any] = {
    "state": "open", "reason": None, "repository": "acme/app", "number": 7, "url": "https://github.test/pull/7",
    "branch": "self-improving/bot-20260101-1200", "base_sha": "b" * 40, "head_sha": "c" * 40, "checks": [CHECK],
    "next_attempt_at": NOW, "in_use": False,
}  # fmt: skip
TEXT = {
    "path": "prompts/answer.txt", "repository": "acme/app", "branch": "main", "digest": DIGEST, "same": True,
    "fault": None, "checked_at": NOW,
}  # fmt: skip


async def page_with(api: FakeServices, **fields: Any) -> str:
    it = proposal(name="answer")
    api.answers |= {
        f"/v1/proposals/{it['id']}": it,
        "/v1/people": {"items": [], "next": None},
        "/v1/pull-requests": {"items": [{**PULL, **fields}], "next": None},
    }
    async with console_client(api) as client:
        return (await client.get(f"/proposals/{it['id']}")).text


async def test_checks_are_shown_with_their_evidence(api: FakeServices) -> None:
    page = await page_with(api)
    assert 'href="https://github.test/pull/7"' in page
    assert "managed &lt;b&gt;model&lt;/b&gt;" in page
    assert "failed" in page


async def test_a_stopped_one_says_why(api: FakeServices) -> None:
    page = await page_with(api, state="stopped", reason="model: managed", url=None, head_sha=None)
    assert "None was opened in acme/app. State: model: managed." in page


async def test_a_pending_one_says_when_it_is_tried_again(api: FakeServices) -> None:
    page = await page_with(api, state="pending", reason="GET /x: 503", url=None, head_sha=None)
    assert "State: GET /x: 503. Next attempt" in page


async def test_a_merged_one_says_whether_it_was_observed(api: FakeServices) -> None:
    assert "was not observed yet" in await page_with(api, state="merged")
    assert "The merged version was observed." in await page_with(api, state="merged", in_use=True)


async def test_an_address_of_another_scheme_is_no_link(api: FakeServices) -> None:
    assert "javascript:" not in await page_with(api, url="javascript:alert(1)")


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, "has the text of"),
        ({"same": False}, "an edit of the file has no effect until it is proposed here"),
        ({"same": None, "fault": "no <b>file</b>"}, "can&#39;t be compared: no &lt;b&gt;file&lt;/b&gt;"),
        ({"same": None, "checked_at": None}, "was not compared yet"),
    ],
)
async def test_the_page_of_a_prompt_compares_the_repository(
    api: FakeServices, fields: dict[str, Any], shown: str
) -> None:
    managed(api)
    api.answers["/v1/repository-texts"] = {"items": [{**TEXT, **fields}], "next": None}
    async with console_client(api) as client:
        page = (await client.get("/prompts/answer")).text
    assert shown.replace("can&#39;t", "can't") in page
    assert [dict(q)["name"] for q in api.queries("/v1/repository-texts")] == ["answer"]
