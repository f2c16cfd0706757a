"""The demo's rollouts (`DEMO=canary`): a harmful edit is approved and goes back by itself, then a good one goes live.

Both are proposed and approved through the API, with the keys of two of the demo's people.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import httpx

from ratchet_demo.script import ADDED, DROPPED, LAST, TARGET

_NAME = "answer"
PLAN = {
    "unit": "execution",
    "steps": [
        {"weight": 500, "min_values": 40, "min_seconds": 20},
        {"weight": 5000, "min_values": 100, "min_seconds": 20},
    ],
    "metrics": [{"name": "thumb", "margin": 1000}, {"name": "error_rate", "margin": 1000}],
    "limit_seconds": 1800,
    "no_data_seconds": 300,
}
_EDITS = (
    ("harmful", "Sound surer, without numbers of articles", {DROPPED: "", LAST: LAST + ADDED}),
    ("good", "Sound kinder", {LAST: "Be kind and friendly.\n"}),
)


@dataclass(slots=True)
class RolloutStory:
    """Proposes and approves one edit after the other, and tells how their rollouts go. Both clients may fail.

    `maker` proposes, `reviewer` approves.
    """

    maker: httpx.Client
    reviewer: httpx.Client
    _edit: int = 0
    _rollout: str | None = None
    _revision: int = 0

    def advance(self) -> list[str]:
        """Do what is next, if it can be done; return lines for the terminal. Raises httpx.HTTPError."""
        if self._edit == len(_EDITS):
            return []
        return self._begin() if self._rollout is None else self._follow()

    def _begin(self) -> list[str]:
        base = _base_digest(self.maker)
        if base is None:
            return []
        kind, why, changes = _EDITS[self._edit]
        present = _get(self.maker, f"/v1/versions/{base}")["document"]
        document = edited(present, changes)
        if document == present:  # the story was told before, on this data
            self._edit += 1
            return []
        body = {"target": TARGET, "name": _NAME, "base_digest": base, "document": document, "why": why}
        proposal = _post(self.maker, "/v1/proposals", body)
        verdict = {"verdict": "approved", "reason": "demo", "digest": proposal["digest"], "rollout_plan": PLAN}
        live = _post(self.reviewer, f"/v1/proposals/{proposal['id']}/decisions", verdict)["live"]
        self._rollout, self._revision = live["rollout"]["rollout_id"], 1
        return [f"rollout: a {kind} edit is approved, first for 5 % of the answers: /proposals/{proposal['id']}"]

    def _follow(self) -> list[str]:
        found = _get(self.maker, f"/v1/rollouts/{self._rollout}")
        if found["revision"] == self._revision:
            return []
        self._revision = found["revision"]
        if found["state"] not in ("running", "paused"):
            self._edit, self._rollout = self._edit + 1, None
        return [f"rollout: {_WORDS[found['state']]} ({found['weight'] / 100:g} %): {found['message']}"]


_WORDS = {
    "running": "next step",
    "paused": "paused",
    "live": "live for all",
    "rolled_back": "rolled back by itself",
    "superseded": "superseded",
}


def edited(document: Mapping[str, Any], changes: Mapping[str, str]) -> dict[str, Any]:
    """Return the document with changed lines of its first message."""
    copy = deepcopy(dict(document))
    for old, new in changes.items():
        copy["messages"][0]["content"] = copy["messages"][0]["content"].replace(old, new)
    return copy


def _base_digest(client: httpx.Client) -> str | None:
    """Return what is live, or else what the bot was seen to use; None as long as neither is known."""
    items = _get(client, "/v1/prompts", name=_NAME)["items"]
    if not items:
        return None
    [item] = items
    if item["live"]:
        return str(item["live"]["digest"])
    return next((str(seen["digest"]) for seen in item["observed"] if seen["content_known"]), None)


def _get(client: httpx.Client, path: str, **params: str) -> dict[str, Any]:
    answer = client.get(path, params=params)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _post(client: httpx.Client, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    answer = client.post(path, json=body)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
