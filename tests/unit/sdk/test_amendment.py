"""An item rejected because of an optional field is retried without it."""

import json
from typing import Any

import httpx
import pytest

from ratchet import Ratchet
from ratchet.client.amendment import without
from ratchet.client.batches import Batch, Delivered
from ratchet.client.recorded_items import RecordedItem, Route
from ratchet.client.transport import outcome

BODY = {
    "id": "1", "target": "t", "user": "a\nb", "cost": 1, "attributes": {"a.b": 1, "c": 2}, "contexts": ["x", "y", "z"],
    "consent": {"learning": True}, "prompts": [{"name": "p", "digest": "sha256:0"}],
}  # fmt: skip


def amended(*fields: str, route: Route = "executions", **more: Any) -> dict[str, Any] | None:
    found = without(RecordedItem(route, "1", json.dumps({**BODY, **more}).encode()), fields)
    assert found is None or found.dropped == fields
    return None if found is None else json.loads(found.encoded)


def test_fields_named_by_the_problem_are_omitted() -> None:
    assert amended("user", "cost") == {name: value for name, value in BODY.items() if name not in ("user", "cost")}
    assert amended("attributes.a.b") == {**BODY, "attributes": {"c": 2}}
    assert amended("attributes") == {name: value for name, value in BODY.items() if name != "attributes"}
    assert amended("contexts[0]", "contexts[2]") == {**BODY, "contexts": ["y"]}
    assert amended("prompts[0].digest") == {**BODY, "prompts": []}
    assert amended("[0].user") == {name: value for name, value in BODY.items() if name != "user"}
    assert amended("consent.learning") == {**BODY, "consent": {"quality": False, "learning": False}}


@pytest.mark.parametrize("field", ["id", "target", "body", "nothing", "", "<script>"])
def test_required_or_unknown_fields_are_final_rejections(field: str) -> None:
    assert amended(field) is None
    assert amended("user", field) is None


def test_consent_is_amended_once() -> None:
    assert amended("consent", consent={"quality": False, "learning": False}) is None


def test_outcome_contains_the_amended_item() -> None:
    item = RecordedItem("executions", "1", json.dumps(BODY).encode())
    batch = Batch("executions", "k", (item, item), b"")
    problem = {"detail": "cost: odd", "errors": [{"field": "cost", "reason": "odd"}]}
    results = [{"status": "refused", "problem": problem}, {"status": "accepted"}]
    found = outcome(batch, 207, {}, json.dumps({"results": results}).encode())
    assert isinstance(found, Delivered)
    assert [index for index, _ in found.amended] == [0]
    assert found.refused == ()


def test_amended_item_arrives() -> None:
    taken: list[dict[str, Any]] = []

    def server(request: httpx.Request) -> httpx.Response:
        results: list[dict[str, Any]] = []
        for item in json.loads(request.content):
            odd = next((name for name in ("user", "model") if len(item.get(name, "")) > 256), None)
            errors = [{"field": odd, "reason": "too long"}]
            results.append(
                {"status": "refused", "problem": {"errors": errors}} if odd is not None else {"status": "accepted"}
            )
            taken.extend([item] if odd is None else [])
        return httpx.Response(207, json={"results": results})

    with Ratchet("http://ratchet", "k", transport=httpx.MockTransport(server)) as client:
        client.record("chat", user="u" * 257, model="m" * 257, output="kept")
        client.record("chat", output="other")
        assert client.flush()
        counters = client.counters
    assert sorted(item["output"] for item in taken) == ["kept", "other"]
    assert all(item.keys().isdisjoint(("user", "model")) for item in taken)
    assert (counters.accepted, counters.sent, counters.refused, counters.dropped_fields) == (2, 2, 0, 2)
