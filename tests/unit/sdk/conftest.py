"""A client and its server, without a network."""

from collections.abc import Iterator

import pytest

from ratchet import Ratchet
from ratchet.client import sender
from tests.support.ratchet_server import PUBLIC, FakeServer


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin retries and reconnections with pauses of 10 ms instead of 100; they double as ever."""
    monkeypatch.setattr(sender, "FIRST_PAUSE", 0.01)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def client(server: FakeServer) -> Iterator[Ratchet]:
    """A client that trusts the server's key."""
    with Ratchet("http://ratchet", "k", public_key=PUBLIC, transport=server.transport()) as ratchet:
        yield ratchet
