"""Streams of pushed prompts in tests."""

from gatekeeper.delivery.hub import Frame


async def nothing_live() -> list[Frame]:
    """For a client that reads at once: it never falls behind."""
    raise AssertionError("a client that reads at once was resynchronised")
