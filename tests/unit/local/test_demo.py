"""What the demo's terminal asks before it begins."""

import httpx
import pytest

from ratchet_local.demo import told_before


@pytest.mark.parametrize(("status", "told"), [(200, True), (404, False), (503, False)])
def test_a_story_that_was_told_is_known_by_what_is_live(status: int, told: bool) -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status)), base_url="http://x") as client:
        assert told_before(client) is told


def test_nobody_there_tells_nothing() -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away")

    with httpx.Client(transport=httpx.MockTransport(away), base_url="http://x") as client:
        assert told_before(client) is False
