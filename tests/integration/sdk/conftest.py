"""A client with an in-memory Ratchet server, and a local server that answers like model providers."""

from collections.abc import Iterator
from typing import Any

import pytest

from ratchet import Ratchet
from tests.support.model_server import ModelServer, model_server
from tests.support.ratchet_server import FakeServer


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def client(server: FakeServer) -> Iterator[Ratchet]:
    with Ratchet("http://ratchet", "k", transport=server.transport()) as ratchet:
        yield ratchet


@pytest.fixture(scope="session")
def model_servers() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture
def models(model_servers: ModelServer) -> ModelServer:
    """The server, as if it had just started."""
    model_servers.requests.clear()
    model_servers.release.clear()
    return model_servers


@pytest.fixture
def recorded(client: Ratchet, server: FakeServer) -> "Recorded":
    return Recorded(client, server)


class Recorded:
    """The executions that were recorded."""

    def __init__(self, client: Ratchet, server: FakeServer) -> None:
        self._client, self._server = client, server

    def all(self) -> list[dict[str, Any]]:
        """Return all, in the order of their ends."""
        assert self._client.flush(60)
        assert self._client.counters.dropped_fields == self._client.counters.refused == 0
        assert self._client.counters.duplicates == 0
        return list(self._server.bodies.values())

    def only(self) -> dict[str, Any]:
        """Return the only one."""
        (body,) = self.all()
        return body
