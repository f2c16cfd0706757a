"""From Kafka messages to state and events, with PostgreSQL."""

import asyncio
import json
import random
from collections.abc import Sequence

import pytest
from sqlalchemy.exc import IntegrityError

from shared.events import Envelope
from shared.events.base import Event
from tests.support.analysis import Analyzer
from tests.support.quality import envelopes, feedback, frank, recorded, scores_by_version, successive_thumbs

STATE = "SELECT identity, metric, CAST(state AS text) AS state FROM analyzer.streams ORDER BY id"


def drop(seed: int = 1) -> list[Envelope[Event]]:
    """Return 150 values of a good version, 150 of a bad one, and 900 of one as good as the first."""
    rnd = random.Random(seed)
    shares = (("v1", 0.9, 150), ("v2", 0.5, 150), ("v3", 0.9, 900))
    return envelopes(scores_by_version((v, [float(rnd.random() < p) for _ in range(n)]) for v, p, n in shares))


async def in_batches(analyzer: Analyzer, sent: Sequence[Envelope[Event]], size: int) -> None:
    for start in range(0, len(sent), size):
        await analyzer.deliver(sent[start : start + size])


async def test_bad_version_opens_one_regression_and_a_good_one_resolves_it(analyzer: Analyzer) -> None:
    await in_batches(analyzer, drop(), 50)
    (detected,) = await analyzer.emitted("regression.detected")
    (resolved,) = await analyzer.emitted("regression.resolved")
    assert (detected.revision, resolved.revision) == (1, 2)
    assert detected.regression_id == resolved.regression_id
    assert detected.causes[0].kind == "prompt_version"
    assert (detected.causes[0].before, detected.causes[0].after) == ("label:v1", "label:v2")
    assert detected.current.n == 100
    assert 0 < len(detected.affected_executions) <= 20
    assert resolved.resolved_by.after == "label:v3"
    assert [row.state for row in await analyzer.rows("SELECT state FROM analyzer.regressions")] == ["resolved"]


async def test_state_does_not_depend_on_batches_or_restarts(analyzer: Analyzer) -> None:
    sent = drop()
    await in_batches(analyzer, sent, 7)
    found = {(row.identity, row.metric): row.state for row in await analyzer.rows(STATE)}
    async with analyzer.store.begin() as tx:
        for table in ("streams", "dimension_histories", "regressions", "inbox"):
            await tx.conn.exec_driver_sql(f"DELETE FROM analyzer.{table}")
    await in_batches(Analyzer(analyzer.engine), sent, 500)
    again = {(row.identity, row.metric): row.state for row in await analyzer.rows(STATE)}
    assert [strip(state) for state in found.values()] == [strip(state) for state in again.values()]


def strip(state: str) -> list[object]:
    """Return the state without the pending window of `quality.measured`, which depends on batches."""
    lasting: list[object]
    *lasting, pending = json.loads(state)
    assert len(pending) == 6
    return lasting


async def test_reported_measurements_add_up_to_all_values(analyzer: Analyzer) -> None:
    await in_batches(analyzer, drop(), 60)
    measured = await analyzer.emitted("quality.measured")
    assert sum(window.measurement.n for window in measured if window.identity == "label:v1") >= 150 - 25
    assert all(window.measurement.n >= 25 for window in measured)


async def test_repeated_message_counts_once(analyzer: Analyzer) -> None:
    sent = envelopes(feedback(number) for number in range(40))
    await analyzer.deliver([*sent, *sent[:10]])
    await analyzer.deliver(sent)
    (row,) = await analyzer.rows("SELECT CAST(state AS jsonb) -> 2 -> 0 AS n FROM analyzer.streams")
    assert row.n == 40


async def test_executions_are_measured_by_outcome_and_latency(analyzer: Analyzer) -> None:
    await analyzer.deliver(envelopes(recorded(number) for number in range(30)))
    measured = {event.metric: event for event in await analyzer.emitted("quality.measured")}
    assert set(measured) == {"error_rate", "latency_ms"}
    assert measured["error_rate"].measurement.mean == 0.0
    assert measured["latency_ms"].measurement.mean == pytest.approx(120.0)


async def test_uncounted_values_are_reported(analyzer: Analyzer) -> None:
    alone = [feedback(number, execution=None, target="") for number in range(3)]
    odd = feedback(4, kind="label", value=None, label="purple")
    await analyzer.deliver(envelopes([*alone, odd]))
    rows = await analyzer.rows("SELECT reason, n FROM analyzer.uncounted ORDER BY reason")
    assert [(row.reason, row.n) for row in rows] == [("unjoined", 3), ("unknown_label", 1)]
    assert await analyzer.rows("SELECT 1 FROM analyzer.streams") == []


async def test_consent_changes_keep_n_and_mean_exact(analyzer: Analyzer) -> None:
    chains = [[(1.0, True), (0.0, False), (0.0, True)], [(1.0, False), (1.0, True)], [(1.0, True), (1.0, False)]]
    await analyzer.deliver(
        envelopes(event for number, chain in enumerate(chains) for event in successive_thumbs(number, chain))
    )
    (row,) = await analyzer.rows("SELECT CAST(state AS jsonb) -> 2 AS sums FROM analyzer.streams")
    assert row.sums == [2, 1_000_000, 1_000_000_000_000]
    rows = await analyzer.rows("SELECT n FROM analyzer.uncounted WHERE reason = 'no_consent'")
    assert [row.n for row in rows] == [3]


async def test_two_instances_on_one_target_lose_nothing(analyzer: Analyzer) -> None:
    other = Analyzer(analyzer.engine)
    sent = envelopes(feedback(number, f"v{number % 3}") for number in range(300))
    halves = [(analyzer, sent[0::2]), (other, sent[1::2])]
    await asyncio.gather(*(in_batches(instance, half, 10) for instance, half in halves))
    rows = await analyzer.rows("SELECT CAST(CAST(state AS jsonb) -> 2 -> 0 AS int) AS n FROM analyzer.streams")
    assert [row.n for row in rows] == [100, 100, 100]


async def test_database_rejects_a_second_open_regression(analyzer: Analyzer) -> None:
    await in_batches(analyzer, drop()[:300], 100)
    twice = """INSERT INTO analyzer.regressions (id, dimension_id, project, environment, target, metric, state,
                 revision, opened_at, detected, good, terms, memory)
               SELECT gen_random_uuid(), dimension_id, project, environment, target, metric, 'open', 1, opened_at,
                 detected, good, terms, memory FROM analyzer.regressions"""
    with pytest.raises(IntegrityError, match="uq_regressions_one_open"):
        async with analyzer.store.begin() as tx:
            await tx.conn.exec_driver_sql(twice)


async def test_real_judgements_through_the_service(analyzer: Analyzer) -> None:
    judged = frank()
    await in_batches(analyzer, envelopes(scores_by_version((name, judged[name]) for name in ("bart", "bus"))), 500)
    (detected,) = await analyzer.emitted("regression.detected")
    assert detected.current.n <= 120
    assert detected.delta_pp < -5
