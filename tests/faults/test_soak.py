"""Load tests of minutes and hours (rows D2, D17 and D19 of docs/reliability.md): only in `make soak ROW=soak`.

RATCHET_SOAK_MINUTES is the duration of each; default 10, 10 and 480.
"""

import asyncio
import os
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from ratchet_local.routes import SERVICES
from tests.faults.conftest import MakeFleet
from tests.support.databases import Databases
from tests.support.fleet import Fleet
from tests.support.kafka import ApacheKafka
from tests.support.load import Load, Post, posts
from tests.support.soak import soak
from tests.support.summary import (
    count_unprocessed_events,
    measure_latency,
    pending_rows,
    query_rows,
    verify_counts,
    wait_until_processed,
)

_MINUTES = os.environ.get("RATCHET_SOAK_MINUTES")
_KILLS_MIN, _KAFKA_DOWN_MIN, _FLAT_MIN = float(_MINUTES or 10), float(_MINUTES or 10), float(_MINUTES or 480)
_KILL_EVERY_S = 20.0
_MIN_THROUGHPUT = 0.5
_MAX_P99_S = 30.0
_MAX_GROWTH_MB = 64.0
_SAMPLE_S = 15.0
_MAX_SLOPE_MB_H = 1.0
_SLOPE_IS_KNOWN_AFTER_MIN = 60.0
_MAX_RATIO = 1.1
"""Largest ratio of connections and descriptors between the second and the first half."""

pytestmark = [
    pytest.mark.skipif(not soak(), reason="takes minutes: make soak ROW=soak"),
    pytest.mark.timeout(60 * (_KILLS_MIN + _KAFKA_DOWN_MIN + _FLAT_MIN) + 1800),
]


async def test_soak_with_a_kill_every_20_seconds(make_fleet: MakeFleet) -> None:
    """Compare with the same load without kills: at least half of its throughput, processed within 30 s."""
    fleet, rng = await _started(make_fleet), random.Random(3)
    base_rate, _ = await _throughput(fleet, "calm", 100, _KILLS_MIN * 60 / 4)
    killed = 0

    async def kill() -> None:
        nonlocal killed
        while True:
            await asyncio.sleep(_KILL_EVERY_S * rng.uniform(0.5, 1.5))
            instance = rng.choice(fleet.instances)
            await asyncio.to_thread(instance.kill)
            await asyncio.to_thread(instance.start)
            killed += 1

    killing = asyncio.create_task(kill())
    rate, load = await _throughput(fleet, "kills", 100, _KILLS_MIN * 60)
    killing.cancel()
    await asyncio.gather(killing, return_exceptions=True)
    for instance in fleet.instances:
        if not instance.alive:
            await asyncio.to_thread(instance.start)
    await wait_until_processed(fleet.dsn, fleet.kafka, within=300)
    latency = await measure_latency(fleet.dsn)
    await asyncio.to_thread(fleet.stop)
    print(f"\n{load}\n{killed} kills, {rate:.1f} posts/s, {base_rate:.1f} without kills; ingest to visible: {latency}")
    verdict = await verify_counts(fleet.dsn, load)
    assert (verdict.lost, verdict.twice, verdict.altered) == ((), (), ())
    assert await count_unprocessed_events(fleet.dsn) == 0
    assert killed >= _KILLS_MIN * 60 / _KILL_EVERY_S / 2
    assert rate >= _MIN_THROUGHPUT * base_rate
    assert latency.p99_s <= _MAX_P99_S


async def test_soak_with_kafka_down(databases: Databases, own_kafka: ApacheKafka, tmp_path: Path) -> None:
    """Send 200 posts/s while the outbox buffers them: no process grows by more than 64 MB, and all are sent
    afterwards.
    """
    fleet = Fleet(databases.migrated(*SERVICES), own_kafka.bootstrap, tmp_path)
    try:
        await asyncio.to_thread(fleet.start)
        await _throughput(fleet, "warm", 200, 20, few_metrics=True)
        await wait_until_processed(fleet.dsn, fleet.kafka, within=300)
        before = {instance.service: instance.usage()[0] / 1e6 for instance in fleet.instances}
        await asyncio.to_thread(own_kafka.kill)
        rate, load = await _throughput(fleet, "away", 200, _KAFKA_DOWN_MIN * 60, few_metrics=True)
        growth = {it.service: round(it.usage()[0] / 1e6 - before[it.service]) for it in fleet.instances}
        unsent = await pending_rows(fleet.dsn)
        await asyncio.to_thread(own_kafka.start)
        restarted = time.monotonic()
        await wait_until_processed(fleet.dsn, fleet.kafka, within=1800)
        print(
            f"\n{load}\n{rate:.1f} posts/s, unsent at the end: {unsent}, gone in {time.monotonic() - restarted:.0f} s"
        )
        print(f"growth in MB: {growth}")
        assert await count_unprocessed_events(fleet.dsn) == 0
        assert max(growth.values()) <= _MAX_GROWTH_MB
    finally:
        await asyncio.to_thread(fleet.stop)


async def test_soak_keeps_memory_descriptors_and_connections_flat(make_fleet: MakeFleet) -> None:
    """Send 50 posts/s of few metrics. The memory slope is checked only in runs of at least an hour."""
    fleet = await _started(make_fleet)
    samples: dict[str, list[tuple[float, float, int, int]]] = defaultdict(list)
    started = time.monotonic()

    async def sample() -> None:
        while True:
            for instance in fleet.instances:
                memory, descriptors = instance.usage()
                held = await _connections(fleet, instance.service)
                samples[instance.service].append((time.monotonic() - started, memory / 1e6, descriptors, held))
            await asyncio.sleep(_SAMPLE_S)

    sampling = asyncio.create_task(sample())
    rate, load = await _throughput(fleet, "flat", 50, _FLAT_MIN * 60, few_metrics=True)
    sampling.cancel()
    await asyncio.gather(sampling, return_exceptions=True)
    await wait_until_processed(fleet.dsn, fleet.kafka, within=300)
    await asyncio.to_thread(fleet.stop)
    print(f"\n{load}\n{rate:.1f} posts/s; ingest to visible: {await measure_latency(fleet.dsn)}")
    assert await count_unprocessed_events(fleet.dsn) == 0
    for service, found in samples.items():
        warm = found[len(found) // 4 :]
        slope = statistics.linear_regression([at for at, *_ in warm], [mb for _, mb, *_ in warm]).slope * 3600
        halves = warm[: len(warm) // 2], warm[len(warm) // 2 :]
        descriptors, held = ([max(it[part] for it in half) for half in halves] for part in (2, 3))
        print(
            f"{service}: {warm[0][1]:.0f} → {warm[-1][1]:.0f} MB, {slope:+.1f} MB/h; descriptors {descriptors}, "
            f"connections {held} (greatest of each half, without the first quarter of the run)"
        )
        assert descriptors[1] <= descriptors[0] * _MAX_RATIO + 2, service
        assert held[1] <= held[0] * _MAX_RATIO + 1, service
        assert _FLAT_MIN < _SLOPE_IS_KNOWN_AFTER_MIN or slope <= _MAX_SLOPE_MB_H, service


async def _started(make_fleet: MakeFleet) -> Fleet:
    fleet = await asyncio.to_thread(make_fleet)
    await asyncio.to_thread(fleet.start)
    return fleet


async def _throughput(
    fleet: Fleet, prefix: str, rate: float, seconds: float, few_metrics: bool = False
) -> tuple[float, Load]:
    """Run a load for `seconds`. Return the acknowledged posts per second."""
    work: Sequence[Post] = posts(int(rate * seconds * 1.2), prefix, [f"bot-{number}" for number in range(8)])
    if few_metrics:
        work = [_with_common_metric(post) for post in work]
    load = Load([fleet.first_instance("collector").url], fleet.keys["ingest_key"], work, rate)
    started = time.monotonic()
    async with asyncio.TaskGroup() as running:
        running.create_task(load.run(within=seconds * 2 + 600))
        await asyncio.sleep(seconds)
        done, elapsed = len(load.acknowledged), time.monotonic() - started
        load.stop()
    return done / elapsed, load


def _with_common_metric(post: Post) -> Post:
    """Return the post with one common metric, so that the analyzer's state does not grow with the posts."""
    body = {key: value for key, value in post.body.items() if key not in {"scores", "name", "prompts"}}
    body |= {"name": "quality"} if "kind" in body else {"scores": {"quality": post.value}}
    return Post(post.path, post.key, body, "score.quality", post.value)


async def _connections(fleet: Fleet, service: str) -> int:
    found = await query_rows(
        fleet.dsn, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE :name", name=f"ratchet-{service}%"
    )
    return int(found[0][0])
