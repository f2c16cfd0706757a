"""Uploads: every item gets an answer, whatever the server answers first."""

import json
from typing import Any

import httpx
import pytest

from ratchet.client.recorded_items import RecordedItem, Route
from ratchet.client.transport import BatchPoster
from ratchet.imports.upload import BATCH_SIZE, NumberedItem, ServerUnavailable, Uploader
from tests.support.ratchet_server import FakeServer


class Clock:
    """A clock that sleeping advances."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def numbered(n: int, route: Route = "executions", **fields: Any) -> list[NumberedItem]:
    about = {"target": "bot"} if route == "executions" else {"execution_id": "e0", "kind": "thumb", "value": True}
    return [
        (
            row,
            RecordedItem(route, f"{route[0]}{row}", json.dumps({"id": f"{route[0]}{row}", **about, **fields}).encode()),
        )
        for row in range(n)
    ]


def uploader(server: FakeServer, refused: list[tuple[int, str]] | None = None) -> Uploader:
    clock = Clock()
    poster = BatchPoster(lambda: httpx.Client(transport=server.transport(), base_url="http://r"), 10.0, amends=False)
    found = [] if refused is None else refused
    return Uploader(poster, lambda number, reason: found.append((number, reason)), 60.0, lambda: clock.now, clock.sleep)


def test_executions_are_sent_before_feedback_in_bounded_batches() -> None:
    server = FakeServer()
    sent = uploader(server)
    sent.upload_all([*numbered(3, "feedback"), *numbered(BATCH_SIZE + 1)])
    assert [request.url.path for request in server.requests] == ["/v1/executions", "/v1/executions", "/v1/feedback"]
    assert (sent.counts.executions, sent.counts.feedback, sent.counts.refused) == (BATCH_SIZE + 1, 3, 0)


def test_large_items_are_sent_in_batches_of_few() -> None:
    server = FakeServer()
    uploader(server).upload_all(numbered(5, input="x" * 400_000))
    assert len(server.requests) == 3


def test_a_batch_is_repeated_under_its_key_until_it_is_answered() -> None:
    server = FakeServer()
    server.lost_answers = 2
    server.faults = [lambda _: httpx.Response(503, headers={"retry-after": "1"})] * 3
    sent = uploader(server)
    sent.upload_all(numbered(4))
    assert set(server.effects.values()) == {1}
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 1
    assert (sent.counts.executions, sent.counts.duplicates) == (0, 4)  # the first answers were lost


def test_refused_items_are_reported_with_their_rows() -> None:
    server = FakeServer()
    server.refuse = lambda item: "cost: must be less" if item["id"] in ("e1", "e3") else None
    refused: list[tuple[int, str]] = []
    sent = uploader(server, refused)
    sent.upload_all(numbered(5))
    assert [number for number, _ in refused] == [1, 3]
    assert (sent.counts.executions, sent.counts.refused) == (3, 2)


def test_feedback_of_a_refused_execution_is_not_sent() -> None:
    server = FakeServer()
    server.refuse = lambda item: "id: is known with another target" if item["id"] == "e1" else None
    refused: list[tuple[int, str]] = []
    uploader(server, refused).upload_all([*numbered(3), *numbered(3, "feedback")])
    assert [number for number, _ in refused] == [1]
    assert set(server.effects) == {"e0", "e2", "f0", "f2"}


def test_items_known_before_are_duplicates() -> None:
    server = FakeServer()
    uploader(server).upload_all(numbered(3))
    again = uploader(server)
    again.upload_all(numbered(3))
    assert (again.counts.executions, again.counts.duplicates) == (0, 3)


@pytest.mark.parametrize(("status", "misconfigured"), [(401, True), (503, False)])
def test_it_gives_up_when_the_server_never_accepts(status: int, misconfigured: bool) -> None:
    server = FakeServer()
    server.faults = [lambda _: httpx.Response(status)] * 1000
    with pytest.raises(ServerUnavailable, match=str(status)) as failed:
        uploader(server).upload_all(numbered(1))
    assert failed.value.misconfigured is misconfigured
