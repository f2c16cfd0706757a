"""The command `ratchet instances`."""

import json

import pytest

from tests.support.ratchet_server import FakeServer
from tests.unit.sdk.test_cli import DIGEST, Run, run, server

__all__ = ["run", "server"]

_ABOUT = {"name": "answer", "sequence": 7, "digest": DIGEST, "weight": None, "reported_at": "now", "sdk": "python/1"}


@pytest.fixture(autouse=True)
def _instances(server: FakeServer) -> None:
    server.pages["GET /v1/instances"] = {
        "prompts": [
            {"name": "answer", "sequence": 7, "instances": 3, "serving": 1, "stale": 1, "refusing": 1},
            {"name": "other", "sequence": 2, "instances": 0, "serving": 0, "stale": 0, "refusing": 0},
        ],
        "items": [
            {**_ABOUT, "instance": "web-1", "state": "serving", "refusal": None},
            {**_ABOUT, "instance": "web-2", "state": "stale", "refusal": None},
            {**_ABOUT, "instance": "web-3", "state": "refusing", "refusal": "unlike the default"},
        ],
        "unreported": [{"instance": None, "name": "answer", "sequence": 7, "digest": DIGEST, "since": "now"}],
    }


def test_instances_are_counted_and_listed(run: Run) -> None:
    result = run("instances")
    assert "answer: 1 of 3 instances serve version 7, 1 stale, 1 refusing" in result.stdout
    assert "unlike the default" in result.stdout
    assert "1 more streams of older clients" in result.stderr


def test_a_name_limits_them(run: Run) -> None:
    shown = run("instances", "--name", "other").stdout
    assert "other: 0 of 0" in shown
    assert "web-1" not in shown
    found = json.loads(run("instances", "--name", "answer", "--json").stdout)
    assert [prompt["name"] for prompt in found["prompts"]] == ["answer"]
    assert len(found["items"]) == 3
