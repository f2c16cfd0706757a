"""Newline-delimited JSON is stored line by line, in bounded memory; a repeat of a bulk request stores nothing twice."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

MEDIA = {"Content_Type": "application/x-ndjson"}


def ndjson(*items: object) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def lines_of(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def execution(number: int) -> dict[str, Any]:
    return {"id": f"e{number}", "target": "answers", "output": f"answer {number}"}


async def test_each_line_has_a_result(collector: "Running") -> None:
    body = ndjson(execution(1), {"id": "bad", "target": 5}) + b"\n{broken\r\n" + ndjson(execution(1), [execution(2)])
    response = await collector.post("executions", body.rstrip(b"\n"), **MEDIA)
    assert response.status_code == 207
    first, wrong, broken, again, array, last = lines_of(response)
    assert first == {"line": 1, "id": "e1", "status": "accepted"}
    assert (wrong["line"], wrong["status"], wrong["problem"]["errors"][0]["field"]) == (2, "refused", "target")
    assert (broken["line"], broken["problem"]["status"]) == (4, 400)
    assert again == {"line": 5, "id": "e1", "status": "duplicate"}
    assert (array["line"], array["problem"]["detail"]) == (6, "body: must be an object")
    assert last == {"lines": 5, "accepted": 1, "duplicate": 1, "erased": 0, "refused": 3, "failed": 0}
    assert "RateLimit" in response.headers


async def test_a_repeat_is_stored_once(collector: "Running") -> None:
    body = ndjson(*({"target": "answers", "output": f"{n}"} for n in range(1_200)))
    for status in ("accepted", "duplicate"):
        response = await collector.post("executions", gzip.compress(body), **MEDIA, content_encoding="gzip",
                                        idempotency_key="monday")  # fmt: skip
        assert response.status_code == 200
        assert lines_of(response)[-1][status] == 1_200
    assert len(collector.events("execution.recorded")) == 1_200


async def test_feedback_and_refusals(collector: "Running") -> None:
    good = {"execution_id": "e1", "kind": "thumb", "value": "up"}
    assert (await collector.post("feedback", ndjson(good, good), **MEDIA)).status_code == 200
    refused = await collector.post("feedback", ndjson({**good, "value": 7}), **MEDIA)
    assert (refused.status_code, refused.json()["code"], refused.json()["refused"]) == (422, "all-refused", 1)
    assert refused.json()["errors"][0]["field"] == "line 1: value"
    empty = await collector.post("feedback", b"\n \n", **MEDIA)
    assert (empty.status_code, empty.json()["errors"][0]["field"]) == (422, "body")
    unknown = await collector.post("feedback", ndjson(good), **MEDIA, Authorization="Bearer rk_x_y")
    assert (unknown.status_code, unknown.json()["code"]) == (401, "unauthenticated")
    assert (await collector.post("feedback?x=1", ndjson(good), **MEDIA)).status_code == 422
    broken = gzip.compress(ndjson(*[good] * 2_000))[:-9]
    cut = await collector.post("feedback", broken, **MEDIA, content_encoding="gzip")
    assert (cut.status_code, cut.json()["errors"][0]["field"]) == (400, "body")


async def test_a_body_of_refused_lines_ends_early(collector: "Running") -> None:
    response = await collector.post("feedback", b"1\n" * 100_000, **MEDIA)
    assert (response.status_code, response.json()["refused"], response.headers["connection"]) == (422, 1_000, "close")
    assert len(response.json()["errors"]) == 20


async def test_a_key_of_a_browser_may_not_send_bulk(collector: "Running", add_key: Any) -> None:
    key = add_key(collector.dsn, "browser", "browser-ingest")
    body = ndjson({"execution_id": "e1", "kind": "thumb", "value": "up"})
    response = await collector.post("feedback", body, **MEDIA, Authorization=f"Bearer {key}")
    assert (response.status_code, response.json()["code"]) == (403, "scope-missing")


async def test_only_a_group_of_lines_is_in_memory(collector: "Running") -> None:
    sent = written = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent, written
        for start in range(0, 4_000, 100):
            if start >= 1_500:  # two groups back, nothing may wait any more
                stored = int(collector.count("executions"))
                assert stored >= start - 1_000, (stored, start)
                written = stored
            sent += 100
            yield ndjson(*map(execution, range(start, start + 100)))

    headers = {"content-type": "application/x-ndjson", "authorization": f"Bearer {collector.keys['ingest']}"}
    response = await collector.client.post("/v1/executions", content=body(), headers=headers)
    assert lines_of(response)[-1]["accepted"] == sent == 4_000
    assert written >= 2_900
