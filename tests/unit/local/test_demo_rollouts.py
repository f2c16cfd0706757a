"""The demo's rollouts: a harmful edit goes back by itself, then a good one goes live."""

import json
from typing import Any

import httpx

from ratchet_demo.script import ADDED, DROPPED, LAST
from ratchet_local.demo_rollouts import RolloutStory, edited

BASE = {"messages": [{"role": "system", "content": f"Hello.\n{DROPPED}{LAST}"}]}


class FakeApi:
    """Answers like the gatekeeper; `rollout` is what the open one shows."""

    def __init__(self) -> None:
        self.observed: list[dict[str, Any]] = []
        self.rollout: dict[str, Any] = {}
        self.approved: list[dict[str, Any]] = []
        self.proposed: list[dict[str, Any]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, json.loads(request.content or b"{}")
        if path == "/v1/prompts":
            items = [{"live": None, "observed": self.observed}] if self.observed else []
            return httpx.Response(200, json={"items": items})
        if path.startswith("/v1/versions/"):
            return httpx.Response(200, json={"document": BASE})
        if path == "/v1/proposals":
            self.proposed.append(body)
            return httpx.Response(201, json={"id": "p", "digest": "d"})
        if path.endswith("/decisions"):
            self.approved.append(body)
            return httpx.Response(200, json={"live": {"rollout": {"rollout_id": "r"}}})
        return httpx.Response(200, json=self.rollout)

    def show(self, revision: int, state: str, message: str = "why") -> None:
        self.rollout = {"revision": revision, "state": state, "weight": 500, "message": message}


def test_two_edits_are_approved_one_after_the_other() -> None:
    api = FakeApi()
    client = httpx.Client(transport=httpx.MockTransport(api.answer), base_url="http://x")
    story = RolloutStory(client, client)
    assert story.advance() == [], "nothing is known of the bot's prompt yet"
    api.observed = [{"digest": "b", "content_known": True}]
    [begun] = story.advance()
    assert "a harmful edit is approved, first for 5 %" in begun
    assert api.approved[0]["rollout_plan"]["steps"][0]["weight"] == 500
    api.show(1, "running")
    assert story.advance() == []
    api.show(2, "rolled_back", "worse than the base: …")
    assert story.advance() == ["rollout: rolled back by itself (5 %): worse than the base: …"]
    assert "a good edit is approved" in story.advance()[0]
    api.show(4, "live")
    assert story.advance() == ["rollout: live for all (5 %): why"]
    assert story.advance() == []
    contents = [body["document"]["messages"][0]["content"] for body in api.proposed]
    assert [(DROPPED in content, ADDED in content) for content in contents] == [(False, True), (True, False)]


def test_an_edit_that_changes_nothing_is_left_out() -> None:
    assert edited(BASE, {"absent": "x"}) == BASE
