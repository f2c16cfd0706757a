"""The page of a prompt: the live version, versions deployed outside Ratchet, client processes, and rollback."""

from typing import Any
from urllib.parse import quote

import httpx

from console.domain.prompt_history import rollback_choices
from ratchet.prompt import from_text
from tests.support.console import DIGEST, NOW, OTHER, FakeServices, console_client

THIRD = "sha256:" + "ef" * 32
WORDS = {DIGEST: "Be brief.\nCite <b>it</b>.", OTHER: "Be brief.", THIRD: "Be long."}


def version(sequence: int, digest: str, base: str | None, kind: str = "decision") -> dict[str, Any]:
    return {
        "sequence": sequence, "target": "bot", "digest": digest, "base_digest": base, "occurred_at": NOW,
        "reason": "promoted", "authorisation": {"kind": kind, "id": "d1", "by": "ann"},
        "document": from_text(WORDS[digest]).to_dict(),
    }  # fmt: skip


def managed(api: FakeServices) -> None:
    """`answer` with two versions, the second of which is live, and one observed version that is not reviewed."""
    live = {"target": "bot", "digest": DIGEST, "sequence": 2, "reason": "promoted", "by": "ann", "occurred_at": NOW}
    seen = {"digest": THIRD, "target": "bot", "first_seen": NOW, "content_known": True, "reviewed": False}
    history = [version(2, DIGEST, OTHER), version(1, OTHER, None, "grant")]
    api.answers |= {
        "/v1/prompts": {"items": [{"name": "answer", "live": live, "elsewhere": [], "observed": [seen]}], "next": None},
        "/v1/prompts/answer/versions": {"items": history, "next": None, "previous": OTHER},
        "/v1/instances": {"gatekeeper": "g", "connected": 0, "prompts": [], "items": [], "unreported": []},
    }
    for digest, words in WORDS.items():
        document = from_text(words).to_dict()
        api.answers[f"/v1/versions/{digest}"] = {"digest": digest, "document": document, "added_at": NOW}


def unmanaged(api: FakeServices) -> None:
    """`answer` as served by an app, with an edit deployed outside Ratchet."""
    managed(api)
    item = api.answers["/v1/prompts"]["items"][0]
    item["live"] = None
    item["observed"] = [{**item["observed"][0], "digest": digest} for digest in (OTHER, DIGEST)]
    api.answers["/v1/prompts/answer/versions"] = {"items": [], "next": None, "previous": None}


async def page_of(api: FakeServices, path: str = "/prompts/answer") -> httpx.Response:
    async with console_client(api) as client:
        return await client.get(path)


async def test_versions_show_their_authorisations_and_what_is_live(api: FakeServices) -> None:
    managed(api)
    page = (await page_of(api)).text
    assert "live: number 2" in page
    assert "by a decision" in page
    assert "by a grant" in page
    assert "Cite &lt;b&gt;it&lt;/b&gt;." in page


async def test_live_versions_of_other_environments_are_shown(api: FakeServices) -> None:
    managed(api)
    item = api.answers["/v1/prompts"]["items"][0]
    same, other = {**item["live"], "environment": "<b>qa"}, {**item["live"], "environment": "staging", "digest": THIRD}
    item["elsewhere"] = [same, other]
    page = (await page_of(api)).text
    assert "<b>production</b>" in page, "one's own"
    assert "<b>&lt;b&gt;qa</b> number 2" in page
    assert "the same" in page
    assert f"/prompts/answer/compare?a={quote(DIGEST)}&amp;b={quote(THIRD)}" in page
    item["live"] = None
    assert "not managed yet" in (await page_of(api)).text


async def test_rollback_dialog_shows_the_difference(api: FakeServices) -> None:
    managed(api)
    page = (await page_of(api)).text
    dialog = page[page.index('<dialog id="rollback"') : page.index("</dialog>", page.index('<dialog id="rollback"'))]
    assert 'data-api="/v1/prompts/answer/rollback"' in dialog
    assert "(the version before)" in dialog
    assert "works while halted" in dialog
    assert 'class="removed"' in dialog, "the line that the rollback removes"
    assert f'data-picks="{OTHER}"' in page


def test_rollback_offers_the_previous_version_first_and_versions_before_ratchet() -> None:
    history = [version(3, DIGEST, OTHER), version(2, OTHER, DIGEST), version(1, DIGEST, THIRD)]
    assert [way.digest for way in rollback_choices(history, True, THIRD, DIGEST)] == [THIRD, OTHER]
    assert [way.digest for way in rollback_choices(history, False, OTHER, DIGEST)] == [OTHER]
    assert rollback_choices(history, True, THIRD, None)[0].label == "used before Ratchet · " + "ef" * 6
    assert rollback_choices([], True, None, None) == []


async def test_a_viewer_can_neither_roll_back_nor_edit_nor_review(api: FakeServices) -> None:
    api.sign_in("read", role="viewer")
    managed(api)
    page = (await page_of(api)).text
    assert 'data-opens="rollback"' not in page
    assert "Mark as reviewed" not in page
    assert "Propose an edit" not in page
    assert "Only reviewers roll back" in page
    assert "Only reviewers mark versions as reviewed" in page


async def test_observed_version_shows_its_difference_and_needs_review(api: FakeServices) -> None:
    managed(api)
    page = (await page_of(api)).text
    assert "Changes from the live version" in page
    assert f'data-api="/v1/prompts/answer/observed/{THIRD.replace(":", "%3A")}/review"' in page


async def test_unmanaged_prompt_explains_what_an_approval_changes(api: FakeServices) -> None:
    unmanaged(api)
    page = (await page_of(api)).text
    assert "is not managed by Ratchet yet" in page
    assert "Changes from the version observed before" in page
    assert "no version was approved yet" in page
    assert 'data-opens="rollback"' not in page


async def test_unknown_text_is_shown_as_unknown(api: FakeServices) -> None:
    unmanaged(api)
    api.answers["/v1/prompts"]["items"][0]["observed"][0]["content_known"] = False
    page = (await page_of(api)).text
    assert "The text is unknown: the app sent only its digest." in page


async def test_reviewed_versions_are_collapsed(api: FakeServices) -> None:
    managed(api)
    [seen] = api.answers["/v1/prompts"]["items"][0]["observed"]
    api.answers["/v1/prompts"]["items"][0]["observed"] = [{**seen, "reviewed": True}]
    del api.answers[f"/v1/versions/{THIRD}"]
    page = (await page_of(api)).text
    assert "All are reviewed" in page
    assert "1 reviewed, or part of a decision" in page
    assert f'href="/prompts/answer/compare?b={THIRD.replace(":", "%3A")}"' in page, "its text was not available at once"
    assert "Mark as reviewed" not in page


async def test_instances_show_what_they_serve_and_why_not(api: FakeServices) -> None:
    managed(api)
    about = {"name": "answer", "sequence": 2, "digest": DIGEST, "refusal": None, "reported_at": NOW, "state": "serving"}
    api.answers["/v1/instances"] = {
        "prompts": [{"name": "answer", "sequence": 2, "instances": 4, "serving": 2, "stale": 1, "refusing": 1}],
        "items": [
            {**about, "instance": "web-1"},
            {**about, "instance": "web-2", "sequence": 1, "state": "stale"},
            {
                **about,
                "instance": "web-3",
                "sequence": None,
                "digest": None,
                "state": "refusing",
                "refusal": "needs <b>",
            },
            {**about, "instance": "web-9", "name": "other"},
        ],
        "unreported": [{"instance": None, "name": "answer", "sequence": 2, "digest": DIGEST, "since": NOW}],
    }
    page = (await page_of(api)).text
    assert "2 of 4 instances serve number 2" in page
    assert page.index("web-3") < page.index("web-2") < page.index("unnamed") < page.index("web-1"), "problems first"
    assert "needs &lt;b&gt;" in page
    assert "the app&#39;s own text" in page or "the app's own text" in page
    assert "web-9" not in page
    api.answers["/v1/instances"] = None
    assert "Not available now" in (await page_of(api)).text


async def test_older_versions_are_on_the_next_page(api: FakeServices) -> None:
    managed(api)
    api.answers["/v1/prompts/answer/versions"]["next"] = "WzFd"
    page = (await page_of(api)).text
    assert 'href="/prompts/answer?cursor=WzFd"' in page
    await page_of(api, "/prompts/answer?cursor=WzFd")
    assert api.queries("/v1/prompts/answer/versions")[-1] == {"cursor": "WzFd", "limit": "20"}


async def test_first_version_has_no_previous_version(api: FakeServices) -> None:
    managed(api)
    api.answers["/v1/prompts/answer/versions"] = {"items": [version(2, DIGEST, None)], "next": None, "previous": None}
    page = (await page_of(api)).text
    assert "there is nothing to roll back to" in page
    assert 'data-opens="rollback"' not in page


async def test_unknown_name_is_not_found(api: FakeServices) -> None:
    api.answers["/v1/prompts"] = {"items": [], "next": None}
    api.answers["/v1/prompts/no/one/versions"] = {"items": [], "next": None, "previous": None}
    api.answers["/v1/instances"] = {"prompts": [], "items": [], "unreported": []}
    answer = await page_of(api, "/prompts/no%2Fone")
    assert answer.status_code == 404
    assert api.queries("/v1/prompts")[0]["name"] == "no/one"


async def test_any_two_versions_are_compared(api: FakeServices) -> None:
    managed(api)
    page = (await page_of(api, f"/prompts/answer/compare?a={OTHER}&b={THIRD}")).text
    assert "<del>brief</del>" in page
    assert "<ins>long</ins>" in page
    same = (await page_of(api, f"/prompts/answer/compare?a={OTHER}&b={OTHER}")).text
    assert "Both are the same version" in same
    assert (await page_of(api, "/prompts/answer/compare?a=nonsense")).status_code == 404


async def test_comparison_defaults_to_the_last_change(api: FakeServices) -> None:
    managed(api)
    page = (await page_of(api, "/prompts/answer/compare")).text
    assert f'<option value="{DIGEST}" selected>' in page
    assert f'<option value="{OTHER}" selected>' in page
    unmanaged(api)
    api.answers["/v1/prompts"]["items"][0]["observed"].pop()
    assert "There is only one version" in (await page_of(api, "/prompts/answer/compare")).text


async def test_unavailable_text_is_not_compared(api: FakeServices) -> None:
    managed(api)
    del api.answers[f"/v1/versions/{OTHER}"]
    assert "unknown or not available now" in (await page_of(api, f"/prompts/answer/compare?a={OTHER}&b={THIRD}")).text
    assert "not available now" in (await page_of(api, f"/prompts/answer/back?to_digest={OTHER}")).text


async def test_dialog_requests_the_effect_of_a_rollback_to_another_version(api: FakeServices) -> None:
    managed(api)
    part = (await page_of(api, f"/prompts/answer/back?to_digest={THIRD}")).text
    assert "<html" not in part
    assert "<ins>long</ins>" in part
