"""Failpoint sweep: each service dies at every named point under load; nothing is lost or counted twice.

Services are swept concurrently. A point that no process reaches fails the test.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import pytest

from ratchet.prompt import SCHEMA
from tests.faults.conftest import MakeFleet
from tests.faults.failpoints import DECISION, SWEEP, setting
from tests.support.databases import apart
from tests.support.fleet import Fleet, Instance
from tests.support.load import Load, posts
from tests.support.soak import scaled
from tests.support.summary import count_unprocessed_events, query_rows, verify_counts, wait_until_processed

_LAUNCHER = "tests.faults.failpoints"
_ROUNDS = scaled(1, 20)
_RATE = scaled(60, 100)
_MAX_POSTS = scaled(20_000, 400_000)
_MAX_HITS = 3
_HIT_WITHIN = 120.0


@pytest.fixture(scope="module")
def fleet(make_fleet: MakeFleet) -> Fleet:
    fleet = make_fleet()
    for service in SWEEP:
        fleet.add(service, "1", _LAUNCHER)
    return fleet


@pytest.mark.timeout(scaled(900, 7200))
async def test_crash_at_every_failpoint_counts_each_event_once(fleet: Fleet, tmp_path: Path) -> None:
    await asyncio.to_thread(fleet.start_added)
    targets = [f"bot-{number}" for number in range(8)]
    load = Load(
        [fleet.first_instance("collector").url], fleet.keys["ingest_key"], posts(_MAX_POSTS, "swept", targets), _RATE
    )
    crashes: Counter[str] = Counter()
    async with asyncio.TaskGroup() as running:
        running.create_task(load.run(within=7000))
        async with asyncio.TaskGroup() as sweeps:
            for service, points in SWEEP.items():
                sweeps.create_task(asyncio.to_thread(_sweep, fleet.first_instance(service), points, tmp_path, crashes))
        load.stop()
    await wait_until_processed(fleet.dsn, fleet.kafka)
    print(f"\n{crashes.total()} crashes at {len(crashes)} failpoints; {load}")
    verdict = await verify_counts(fleet.dsn, load)
    assert (verdict.lost, verdict.twice, verdict.altered) == ((), (), ())
    assert await count_unprocessed_events(fleet.dsn) == 0
    assert load.duplicates > 0, "no stored post was retried"
    assert len(crashes) == sum(map(len, SWEEP.values()))
    assert set(crashes.values()) == {_ROUNDS}


def _sweep(instance: Instance, points: Mapping[str, object], folder: Path, crashes: Counter[str]) -> None:
    """Let the instance die `_ROUNDS` times at each of its points; finally start it without failpoint."""
    rng = random.Random(instance.service)
    for round_number in range(_ROUNDS):
        for name in points:
            mark = folder / f"{instance.service}-{name}-{round_number}"
            instance.stop()
            instance.spawn(**setting(name, rng.randint(1, _MAX_HITS), mark))
            instance.await_end(_HIT_WITHIN)
            assert mark.read_text() == name
            crashes[f"{instance.service}: {name}"] += 1
    instance.start()


@pytest.mark.timeout(scaled(900, 7200))
def test_crash_during_a_decision_is_atomic(fleet: Fleet, tmp_path: Path) -> None:
    gatekeeper = fleet.first_instance("gatekeeper")
    found: Counter[bool] = Counter()
    gatekeeper.stop()
    gatekeeper.start()
    for number, name in enumerate([name for _ in range(scaled(1, 50)) for name in DECISION]):
        proposal = _first_version(fleet, f"prompt-{number}")
        mark = tmp_path / f"decision-{number}"
        gatekeeper.stop()
        gatekeeper.spawn(**setting(name, 1, mark))
        gatekeeper.await_ready()
        with pytest.raises(OSError, match=r"."):
            _approve(fleet, proposal)
        gatekeeper.await_end()
        assert mark.read_text() == name
        traces = apart(_traces(fleet.dsn, proposal))
        assert traces in (_NO_TRACES, _ALL_TRACES), f"decision was not atomic after {name}"
        found[traces == _ALL_TRACES] += 1
        gatekeeper.start()
        assert _approve(fleet, proposal) == (409 if traces == _ALL_TRACES else 200)
        assert apart(_traces(fleet.dsn, proposal)) == _ALL_TRACES
    print(f"\ndied before the commit {found[False]} times, after it {found[True]} times")
    assert found[False]
    assert found[True]


_PARTS = {
    "approved": "SELECT count(*) FROM gatekeeper.proposals WHERE id = :id AND state = 'approved'",
    "decisions": "SELECT count(*) FROM gatekeeper.decisions WHERE proposal_id = :id AND expires_at > decided_at",
    "live": "SELECT count(*) FROM gatekeeper.live_history WHERE name = :name AND digest = :digest",
    "signatures": "SELECT count(*) FROM gatekeeper.live_signatures WHERE name = :name",
    "announced": """SELECT count(*) FROM gatekeeper.outbox_messages
                    WHERE topic = 'prompt.live' AND key LIKE '%/' || CAST(:name AS text)""",
    "decided": """SELECT count(*) FROM gatekeeper.outbox_messages WHERE topic = 'proposal.decided'
                  AND convert_from(payload, 'UTF8')::jsonb ->> 'proposal_id' = :text""",
}
_NO_TRACES = dict.fromkeys(_PARTS, 0)
_ALL_TRACES = dict.fromkeys(_PARTS, 1)


async def _traces(dsn: str, proposal: Mapping[str, str]) -> dict[str, int]:
    """Return by part what a decision left in the database."""
    values = {
        "id": UUID(proposal["id"]),
        "text": proposal["id"],
        "name": proposal["name"],
        "digest": proposal["digest"],
    }
    return {
        part: (await query_rows(dsn, sql, **{name: it for name, it in values.items() if f":{name}" in sql}))[0][0]
        for part, sql in _PARTS.items()
    }


def _first_version(fleet: Fleet, name: str) -> dict[str, str]:
    document = {"schema": SCHEMA, "messages": [{"role": "system", "content": f"Answer for {name}."}]}
    body = {"name": name, "target": "bot", "base_digest": None, "document": document, "why": "a first version"}
    status, answer = fleet.first_instance("gatekeeper").post("/v1/proposals", fleet.keys["maker_key"], body)
    assert status == 201, answer
    return dict(json.loads(answer))


def _approve(fleet: Fleet, proposal: Mapping[str, str]) -> int:
    body = {"verdict": "approved", "reason": "good", "digest": proposal["digest"]}
    path = f"/v1/proposals/{proposal['id']}/decisions"
    return fleet.first_instance("gatekeeper").post(path, fleet.keys["reviewer_key"], body)[0]
