"""What the demo's terminal asks before it begins."""

from pathlib import Path

import httpx
import pytest

from ratchet_local.demo import following, introduction, told_before

PROMPT = Path(".ratchet/demo/answer.json")


@pytest.mark.parametrize(
    ("healthy", "due", "live", "told"),
    [
        (False, True, False, "In about 40 s somebody edits the bot's prompt (.ratchet/demo/answer.json)"),
        (False, False, False, "Somebody edited the bot's prompt (.ratchet/demo/answer.json) before"),
        (True, False, False, "Nobody edits the bot's prompt (.ratchet/demo/answer.json)"),
        (False, True, True, "edits of .ratchet/demo/answer.json have no effect; remove .ratchet to"),
    ],
)
def test_it_is_said_what_is_made_up_and_what_to_wait_for(healthy: bool, due: bool, live: bool, told: str) -> None:
    said = introduction(following(PROMPT, healthy, due, live))
    assert all(len(line) < 80 for line in said.splitlines())
    assert told in said.replace("\n", " ")
    assert said.startswith("The bot and its customers are simulated, a day in two minutes;")


@pytest.mark.parametrize(("status", "told"), [(200, True), (404, False), (503, False)])
def test_a_story_that_was_told_is_known_by_what_is_live(status: int, told: bool) -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status)), base_url="http://x") as client:
        assert told_before(client) is told


def test_nobody_there_tells_nothing() -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away")

    with httpx.Client(transport=httpx.MockTransport(away), base_url="http://x") as client:
        assert told_before(client) is False
