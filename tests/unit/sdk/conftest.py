"""A client and its server, without a network."""

from collections.abc import Iterator

import pytest

from ratchet import Ratchet
from tests.support.ratchet_server import PUBLIC, FakeServer


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def client(server: FakeServer) -> Iterator[Ratchet]:
    """A client that trusts the server's key."""
    with Ratchet("http://ratchet", "k", public_key=PUBLIC, transport=server.transport()) as ratchet:
        yield ratchet
