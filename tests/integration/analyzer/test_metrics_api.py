"""Declaring metrics over HTTP: effect on earlier and later values, and uncounted values."""

from hashlib import sha256
from typing import Any

import httpx
import pytest

from shared.events.base import Event
from shared.events.metrics import DeclaredMetric
from tests.support.analysis import Analyzer
from tests.support.quality import envelopes, feedback


def scores(first: int, n: int, version: str, value: float, name: str = "wordiness") -> list[Event]:
    return [feedback(at, version, kind="score", name=name, value=value) for at in range(first, first + n)]


async def metric(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    items = (await client.get("/v1/metrics")).json()["items"]
    found: dict[str, Any] = next(item for item in items if item["metric"] == name)
    return found


async def test_a_direction_is_declared_and_earlier_values_count(
    analyzer: Analyzer, client: httpx.AsyncClient, tuner: dict[str, str]
) -> None:
    sent = envelopes([*scores(1, 150, "v1", 0.1), *scores(151, 145, "v2", 0.5)])
    await analyzer.deliver(sent[:270])
    assert await analyzer.emitted("regression.detected") == []
    (first, _) = (await client.get("/v1/quality")).json()["items"]
    assert (first["verdict"], first["direction"], first["delta_pp"]) == ("direction not declared", "undeclared", None)
    before = await metric(client, "score.wordiness")
    assert (before["direction"], before["n"], before["uncounted"]) == ("undeclared", 270, [])

    path = "/v1/metrics/score.wordiness"
    response = await client.put(path, json={"direction": "lower_is_better"}, headers=tuner)
    assert (response.status_code, response.json()["direction"], response.json()["origin"]) == (
        200,
        "lower_is_better",
        "declared",
    )
    assert response.json()["declared"] == {"direction": "lower_is_better"}
    (event,) = await analyzer.emitted("metric.declared")
    assert (event.metric, event.target, event.revision, event.by) == ("score.wordiness", None, 1, "reader")
    assert event.declared == DeclaredMetric(direction="lower_is_better")
    canonical = b'{"direction":"lower_is_better"}'
    assert event.digest == f"sha256:{sha256(canonical).hexdigest()}"
    quality = {item["identity"]: item for item in (await client.get("/v1/quality")).json()["items"]}
    assert quality["label:v2"]["verdict"] == "regressed"
    assert (quality["label:v1"]["measurement"]["n"], quality["label:v1"]["measurement"]["mean"]) == (
        150,
        pytest.approx(0.1),
    )

    await analyzer.deliver(sent[270:])
    (raised,) = await analyzer.emitted("regression.detected")
    assert (raised.direction, raised.baseline.n, raised.delta_pp) == ("lower_is_better", 150, -40.0)
    windows = (await client.get("/v1/quality/series", params={"target": "bot", "metric": "score.wordiness"})).json()
    assert sum(window["n"] for window in windows["items"]) == 295
    assert all(0.05 < window["mean"] < 0.55 for window in windows["items"])


async def test_uncounted_label_is_reported_and_counts_once_declared(
    analyzer: Analyzer, client: httpx.AsyncClient, tuner: dict[str, str]
) -> None:
    odd = [feedback(n, kind="score", name="grade", value=value) for n, value in enumerate([8.0, -1.0, 1.5])]
    words = ["A", "partially_correct", "a", "correct"]
    labels = [feedback(10 + n, kind="label", name="verdict", value=None, label=word) for n, word in enumerate(words)]
    await analyzer.deliver(envelopes([*odd, *labels]))
    grade, verdict = await metric(client, "score.grade"), await metric(client, "label.verdict")
    (found,) = grade["uncounted"]
    assert (found["reason"], found["n"], found["low"], found["high"]) == ("out_of_range", 3, -1.0, 8.0)
    assert {(each["reason"], each["word"], each["n"]) for each in verdict["uncounted"]} == {
        ("unknown_label", "a", 2),
        ("unknown_label", "partially correct", 1),
    }
    assert (grade["n"], verdict["n"]) == (0, 1)

    scale = {"direction": "higher_is_better", "scale": [-10, 10]}
    assert (await client.put("/v1/metrics/score.grade?target=bot", json=scale, headers=tuner)).status_code == 200
    labels_body = {"labels": {"A": "good", "partially_correct": "bad"}}
    assert (await client.put("/v1/metrics/label.verdict", json=labels_body, headers=tuner)).status_code == 200
    later = [event.model_copy(update={"feedback_id": feedback(500 + n).feedback_id}) for n, event in enumerate(odd)]
    sent = envelopes([*odd, *labels, *later, *[feedback(30 + n, kind="label", name="verdict", value=None, label=word)
                                               for n, word in enumerate(words)]])[7:]  # fmt: skip
    await analyzer.deliver(sent)
    assert ((await metric(client, "score.grade"))["n"], (await metric(client, "label.verdict"))["n"]) == (3, 4)


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("score.x", {"direction": "up"}, "direction"),
        ("score.x", {"scale": [1, 1]}, "scale"),
        ("score.x", {"scale": [0, 1e999]}, "scale"),
        ("score.x", {"colour": "red"}, "colour"),
        ("score.x", {"labels": {"a": "good"}}, "labels"),
        ("label.x", {"direction": "lower_is_better"}, "direction"),
        ("label.x", {"labels": {"a": "lovely"}}, "labels"),
        ("rating.x", {"scale": [0, 10]}, "scale"),
        ("latency_ms", {"direction": "higher_is_better"}, "direction"),
        ("output_tokens", {"direction": "lower_is_better", "unit": "words"}, "unit"),
        ("score.x", {"aggregation": "geometric_mean", "scale": [-1, 1]}, "scale"),
        ("score.x", {"floor_pp": 0}, "floor_pp"),
    ],
)
async def test_invalid_declaration_names_its_field(
    client: httpx.AsyncClient, tuner: dict[str, str], name: str, body: dict[str, Any], field: str
) -> None:
    content = '{"scale": [0, Infinity]}' if body == {"scale": [0, 1e999]} else None
    headers = {**tuner, "content-type": "application/json"}
    answer = await client.request(
        "PUT", f"/v1/metrics/{name}", headers=headers, **({"content": content} if content else {"json": body})
    )
    assert answer.status_code == 422, answer.text
    assert field in answer.json()["detail"]


async def test_permissions_to_declare_and_to_read(
    analyzer: Analyzer, client: httpx.AsyncClient, tuner: dict[str, str], another: dict[str, str]
) -> None:
    path = "/v1/metrics/score.wordiness"
    assert (await client.put(path, json={"direction": "lower_is_better"})).status_code == 403
    assert (await client.put(path, json={"direction": "lower_is_better"}, headers=tuner)).status_code == 200
    assert (await client.get(path)).json()["direction"] == "lower_is_better"
    assert (await client.get(path, headers=another)).json()["direction"] == "undeclared"
    assert (await client.get("/v1/metrics/nothing")).status_code == 404
    assert (await client.put(path, json={}, headers=tuner)).json()["direction"] == "undeclared"


async def test_metrics_are_paged(analyzer: Analyzer, client: httpx.AsyncClient) -> None:
    await analyzer.deliver(envelopes([feedback(n, kind="score", name=f"s{n}", value=0.5) for n in range(5)]))
    seen, cursor = [], None
    while True:
        params: dict[str, Any] = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/v1/metrics", params=params)).json()
        seen += [item["metric"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == [f"score.s{n}" for n in range(5)]
    assert (await client.get("/v1/metrics", params={"cursor": "x"})).status_code == 422
