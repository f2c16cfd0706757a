"""Publishes the demo's golden set through the API, as a person would with a file of cases."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import httpx

from ratchet_demo.script import TARGET

_RETRY_S = 3.0
_DESCRIPTION = "Demo data: questions of a fictional lamp shop, accepted by the starter of the demo and not by a person."


@dataclass(frozen=True, slots=True)
class DemoDataset:
    """The golden set of the demo; `cases` are JSON lines."""

    name: str
    digest: str
    licence: str
    cases: bytes

    @classmethod
    def packaged(cls) -> "DemoDataset":
        """Return the golden set in the demo's package."""
        package = files("ratchet_demo")
        manifest = json.loads((package / "golden_set.manifest.json").read_text("utf-8"))
        cases = (package / "golden_set.jsonl").read_bytes()
        return cls(manifest["name"], manifest["digest"], manifest["licence"], cases)

    @property
    def path(self) -> str:
        return f"/v1/datasets/{self.name}"


def publish_dataset(client: httpx.Client, dataset: DemoDataset) -> bool:
    """Publish the golden set and return True; False if it was published before. Raises httpx.HTTPError.

    `client` has the key of a person with the scope tune. Cases that somebody rejected stay so.
    """
    if dataset.digest in _published_digests(client, dataset):
        return False
    about = {"target": TARGET, "description": _DESCRIPTION, "licence": dataset.licence}
    _send(client, "PUT", dataset.path, json=about)
    lines = {"content-type": "application/x-ndjson"}
    _send(client, "POST", f"{dataset.path}/cases", content=dataset.cases, headers=lines)
    own = {json.loads(line)["id"] for line in dataset.cases.splitlines()}
    proposed = _send(client, "GET", f"{dataset.path}/cases", params={"state": "proposed", "limit": "100"})["items"]
    accepted = [case["id"] for case in proposed if case["id"] in own]
    if accepted:
        _send(client, "POST", f"{dataset.path}/reviews", json={"state": "accepted", "cases": accepted})
    _send(client, "POST", f"{dataset.path}/versions")
    return True


def _published_digests(client: httpx.Client, dataset: DemoDataset) -> set[str]:
    answer = client.get(f"{dataset.path}/versions")
    if answer.status_code == httpx.codes.NOT_FOUND:
        return set()
    answer.raise_for_status()
    return {version["digest"] for version in answer.json()["items"]}


class DatasetPublisher:
    """Publishes a golden set as soon as the services can, one attempt every few seconds."""

    def __init__(self, dataset: DemoDataset, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._dataset, self._monotonic = dataset, monotonic
        self._due: float | None = 0.0

    def attempt(self, client: httpx.Client) -> str | None:
        """Publish the set if that is due; return a line for the terminal if it is published now."""
        if self._due is None or self._monotonic() < self._due:
            return None
        try:
            new = publish_dataset(client, self._dataset)
        except (httpx.HTTPError, ValueError, LookupError):
            self._due = self._monotonic() + _RETRY_S
            return None
        self._due = None
        cases = len(self._dataset.cases.splitlines())
        return (
            f"· proposals are tested on the golden set {self._dataset.name} ({cases} cases, demo data)" if new else None
        )


def _send(client: httpx.Client, method: str, path: str, **request: Any) -> dict[str, Any]:
    answer = client.request(method, path, **request)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
