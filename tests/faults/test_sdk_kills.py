"""The SDK's compressed batches while the collector is killed: each item counts once, and none is given up."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from ratchet import Ratchet
from tests.faults.conftest import MakeFleet
from tests.support.eventually import eventually
from tests.support.fleet import Fleet
from tests.support.load import Load, Post, posts
from tests.support.soak import scaled
from tests.support.summary import verify_counts, wait_until_processed

_POSTS = scaled(6_000, 60_000)
_KILLS = scaled(6, 60)

pytestmark = pytest.mark.timeout(scaled(600, 7200))


class LosingTransport(httpx.HTTPTransport):
    """Counts requests by their Content-Encoding, and loses every third answer after the server has sent it."""

    def __init__(self) -> None:
        super().__init__()
        self.encodings: Counter[str] = Counter()
        self.answers = 0
        self.in_flight = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.encodings[request.headers.get("content-encoding", "identity")] += 1
        self.in_flight = True
        try:
            response = super().handle_request(request)
        finally:
            self.in_flight = False
        self.answers += 1
        if self.answers % 3 == 0:
            response.read()
            response.close()
            raise httpx.ReadError("lost", request=request)
        return response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise AssertionError("only prompts are read that way")


@pytest.fixture
def fleet(make_fleet: MakeFleet) -> Iterator[Fleet]:
    made = make_fleet()
    made.start(("gatekeeper", "collector", "analyzer"))
    yield made
    made.stop()


def send(client: Ratchet, post: Post) -> None:
    """Record an execution or its feedback, as the post has it."""
    body = dict(post.body)
    if post.path == "/v1/executions":
        client.record(body.pop("target"), **body)
    else:
        client.feedback(body.pop("execution_id"), **body)


async def test_a_killed_collector_gets_each_compressed_batch_once(fleet: Fleet) -> None:
    transport, collector = LosingTransport(), fleet.first_instance("collector")
    load = Load([collector.url], fleet.keys["ingest_key"], posts(_POSTS, "sdk"), rate=0)
    client = Ratchet(collector.url, fleet.keys["ingest_key"], transport=transport)
    share = _POSTS // _KILLS
    for start in range(0, _POSTS, share):
        for post in load.work[start : start + share]:
            send(client, post)
        await eventually(lambda: transport.in_flight or not client.counters.accepted - client.counters.sent)
        await asyncio.to_thread(collector.kill)
        await asyncio.to_thread(collector.start)
    assert await asyncio.to_thread(client.flush, 120)
    counters = client.counters
    print(f"\n{counters}, requests {dict(transport.encodings)}")
    assert (counters.sent, counters.refused, counters.dropped) == (_POSTS, 0, 0)
    assert counters.retries > _KILLS / 2, "few batches were retried"
    assert counters.duplicates > 0, "no stored batch was retried"
    assert transport.encodings["gzip"] > counters.retries
    client.close()
    load.acknowledged |= dict.fromkeys((post.key for post in load.work), "accepted")
    await wait_until_processed(fleet.dsn, fleet.kafka, within=120)
    verdict = await verify_counts(fleet.dsn, load)
    assert (verdict.lost, verdict.twice, verdict.altered) == ((), (), ())
