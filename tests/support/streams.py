"""Streams of pushed prompts in tests."""

from gatekeeper.delivery.hub import Frame


async def nothing_live() -> list[Frame]:
    """Return no live versions, for a client that reads at once and so never needs a resync."""
    raise AssertionError("a client that reads at once was resynchronised")
