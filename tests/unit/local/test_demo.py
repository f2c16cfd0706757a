"""The demo's introduction on the terminal."""

from pathlib import Path

import httpx
import pytest

from ratchet_local.demo import expectation, introduction, is_prompt_managed

PROMPT = Path(".ratchet/demo/answer.json")


@pytest.mark.parametrize(
    ("healthy", "due", "live", "text"),
    [
        (False, True, False, "In about 40 s somebody edits the bot's prompt (.ratchet/demo/answer.json)"),
        (False, False, False, "Somebody edited the bot's prompt (.ratchet/demo/answer.json) before"),
        (True, False, False, "Nobody edits the bot's prompt (.ratchet/demo/answer.json)"),
        (False, True, True, "edits of .ratchet/demo/answer.json have no effect; remove .ratchet to"),
    ],
)
def test_the_introduction_says_what_to_expect(healthy: bool, due: bool, live: bool, text: str) -> None:
    output = introduction(expectation(PROMPT, healthy, due, live))
    assert all(len(line) < 80 for line in output.splitlines())
    assert text in output.replace("\n", " ")
    assert output.startswith("The bot and its customers are simulated, a day in two minutes;")


@pytest.mark.parametrize(("status", "managed"), [(200, True), (404, False), (503, False)])
def test_a_managed_prompt_is_recognised(status: int, managed: bool) -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status)), base_url="http://x") as client:
        assert is_prompt_managed(client) is managed


def test_an_unavailable_service_counts_as_not_managed() -> None:
    def fail_to_connect(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away")

    with httpx.Client(transport=httpx.MockTransport(fail_to_connect), base_url="http://x") as client:
        assert is_prompt_managed(client) is False
