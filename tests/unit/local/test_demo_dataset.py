"""The demo's golden set is published once, and again attempted while the services can't."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from ratchet_local.demo_dataset import DatasetPublisher, DemoDataset, publish_dataset


@dataclass
class FakeDatasets:
    """The dataset routes in memory. `versions` counts publications."""

    states: dict[str, str] = field(default_factory=dict)
    versions: list[dict[str, Any]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    digest: str = DemoDataset.packaged().digest
    available: bool = True

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self.respond), base_url="http://ratchet")

    def respond(self, request: httpx.Request) -> httpx.Response:
        if not self.available:
            return httpx.Response(503)
        route = (request.method, request.url.path.removeprefix("/v1/datasets/support-bot-demo"))
        found = self._answer(route, request)
        return httpx.Response(404) if found is None else httpx.Response(200, json=found)

    def _answer(self, route: tuple[str, str], request: httpx.Request) -> Any:
        match route:
            case "PUT", "":
                self.about = json.loads(request.content)
            case "GET", "/versions" if not self.about:
                return None
            case "GET", "/versions":
                return {"items": self.versions}
            case "POST", "/cases":
                for line in request.content.splitlines():
                    self.states.setdefault(json.loads(line)["id"], "proposed")
            case "GET", "/cases":
                wanted = request.url.params["state"]
                return {"items": [{"id": case} for case, state in self.states.items() if state == wanted]}
            case "POST", "/reviews":
                body = json.loads(request.content)
                self.states |= dict.fromkeys(body["cases"], body["state"])
            case "POST", "/versions":
                self.versions.append({"digest": self.digest})
            case other:
                raise AssertionError(other)
        return {}


def test_all_cases_are_accepted_and_published_once() -> None:
    server = FakeDatasets(states={"a person's": "proposed", "A11-1": "rejected"})
    with server.client() as client:
        assert publish_dataset(client, DemoDataset.packaged())
        assert not publish_dataset(client, DemoDataset.packaged())
    assert server.about["target"] == "support-bot"
    assert server.about["description"].startswith("Demo data:")
    assert len(server.versions) == 1
    states = list(server.states.values())
    assert (states.count("accepted"), server.states["a person's"], server.states["A11-1"]) == (
        49,
        "proposed",
        "rejected",
    )


def test_another_attempt_follows_while_the_services_are_unavailable() -> None:
    server, now = FakeDatasets(available=False), [0.0]
    publisher = DatasetPublisher(DemoDataset.packaged(), lambda: now[0])
    with server.client() as client:
        assert publisher.attempt(client) is None
        server.available = True
        assert publisher.attempt(client) is None
        assert server.versions == []
        now[0] = 10.0
        line = publisher.attempt(client)
        assert publisher.attempt(client) is None
    assert line == "· proposals are tested on the golden set support-bot-demo (50 cases, demo data)"
