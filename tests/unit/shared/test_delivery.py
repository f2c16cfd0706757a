"""Delivery with fakes: after any failure each event has its effect once or is a visible dead letter."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from shared.errors import Permanent, Retryable
from shared.events.feedback import FeedbackCreated
from shared.messaging.cloudevents import Received
from shared.messaging.dead_letter_writer import DeadLetterBudget
from shared.messaging.delivery import Delivery
from shared.messaging.store import Subscription, Tx
from shared.runtime.background import cancel_all
from shared.runtime.prometheus_metrics import Metrics
from shared.testing.bus import FakeRecord
from shared.testing.clock import FakeClock
from shared.testing.store import FakeStore
from tests.support.eventually import eventually
from tests.support.messaging import envelope, feedback, record
from tests.support.soak import scaled

CONSUMER = "scratch.effects"


class Effects:
    """A handler that counts. It fails for `poison` values always, and with the `passing` errors first."""

    def __init__(self) -> None:
        self.taken: list[UUID] = []
        self.poison: dict[float, Exception] = {}
        self.passing: list[Exception] = []
        self.calls = 0

    async def handle(self, _: Tx, events: Sequence[Received[Any]]) -> None:
        self.calls += 1
        if self.passing:
            raise self.passing.pop()
        for received in events:
            if received.event.value in self.poison:
                raise self.poison[received.event.value]
        self.taken += [received.id for received in events]


class DeliveryFixture:
    """A delivery with fakes. Sleeping advances the clock."""

    def __init__(self, budget: int | DeadLetterBudget = 100, store: FakeStore | None = None) -> None:
        self.clock, self.store, self.effects = FakeClock(), store or FakeStore(), Effects()
        self.slept: list[float] = []
        subscription = Subscription("effects", (FeedbackCreated,), self.effects.handle)
        limit = budget if isinstance(budget, DeadLetterBudget) else DeadLetterBudget(budget)
        self.metrics = Metrics("scratch")
        self.delivery = Delivery(CONSUMER, subscription, self.store, self.clock, self.metrics, limit, self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
        self.clock.advance(timedelta(seconds=seconds))

    @property
    def parked(self) -> list[str]:
        return [kept.letter.reason for kept in self.store.state.letters.values() if kept.status == "parked"]

    def counted(self, outcome: str) -> float | None:
        """Return the counter of events with that outcome."""
        labels = {"consumer": CONSUMER, "outcome": outcome}
        return self.metrics.registry.get_sample_value("ratchet_events_total", labels)

    @property
    def outbox_topics(self) -> list[str]:
        """Topics of the messages in the outbox."""
        return [row.message.topic for row in self.store.state.outbox]


def batch(*values: float) -> list[FakeRecord]:
    return [record(envelope(feedback(value=value)), offset) for offset, value in enumerate(values)]


async def test_repeated_message_does_not_change_the_order() -> None:
    """A relay that died sends again from its last position: the repeat of an old event follows a newer one."""
    fixture = DeliveryFixture()
    old, new = envelope(feedback(value=1.0)), envelope(feedback(value=2.0))
    await fixture.delivery.process([record(old, 0), record(new, 1), record(old, 2)])
    assert fixture.effects.taken == [old.id, new.id]


async def test_batch_is_processed_once_in_one_transaction() -> None:
    fixture = DeliveryFixture()
    records = batch(1, 2, 3)
    await fixture.delivery.process([*records, records[0]])
    await fixture.delivery.process(records)
    assert len(fixture.effects.taken) == len(set(fixture.effects.taken)) == 3
    assert fixture.effects.calls == 1
    assert [fixture.counted(outcome) for outcome in ("processed", "duplicate")] == [3, 4]


async def test_order_within_a_batch_is_kept() -> None:
    fixture = DeliveryFixture()
    records = batch(*range(10))
    await fixture.delivery.process(records)
    assert [str(taken) for taken in fixture.effects.taken] == [dict(r.headers)["ce_id"].decode() for r in records]


async def test_only_poison_is_parked() -> None:
    fixture = DeliveryFixture()
    fixture.effects.poison = {6.0: ValueError("no"), 9.0: Permanent("never")}
    await fixture.delivery.process(batch(*range(16)))
    assert len(fixture.effects.taken) == 14
    assert sorted(fixture.parked) == ["exhausted", "permanent"]
    assert len(fixture.slept) == 2, "an unknown error is attempted three times, a permanent one once"


async def test_permanent_error_delays_no_message_behind_it() -> None:
    fixture = DeliveryFixture()
    fixture.effects.poison = {0.0: Permanent("invalid: outcome")}
    await fixture.delivery.process(batch(0, 1))
    assert (fixture.slept, fixture.effects.calls) == ([], 3), "together, and each alone"
    (kept,) = fixture.store.state.letters.values()
    assert (kept.letter.detail, len(fixture.effects.taken)) == ("invalid: outcome", 1)


@pytest.mark.parametrize(
    ("headers", "value", "reason"),
    [
        ((), b"{}", "malformed"),
        ((("ce_id", b"\xff"),), b"{}", "malformed"),
        (None, b"no json", "malformed"),
        (None, None, "malformed"),
    ],
)
async def test_malformed_message_is_parked(headers: Any, value: bytes | None, reason: str) -> None:
    fixture = DeliveryFixture()
    good = record(envelope())
    bad = FakeRecord("feedback.created", 0, 1, None, value, good.headers if headers is None else headers)
    await fixture.delivery.process([bad, good])
    assert len(fixture.effects.taken) == 1
    assert fixture.parked == [reason]


async def test_unknown_major_version_is_parked_until_supported() -> None:
    fixture = DeliveryFixture()
    good = record(envelope())
    headers = tuple((n, b"ratchet.feedback.created.v9" if n == "ce_type" else v) for n, v in good.headers)
    await fixture.delivery.process([FakeRecord("feedback.created", 0, 1, None, good.value, headers)])
    assert fixture.parked == ["unknown-type"]


@pytest.mark.parametrize("error", [Retryable("later"), OperationalError("", {}, OSError()), TimeoutError()])
async def test_transient_failure_is_retried_and_never_parked(error: Exception) -> None:
    fixture = DeliveryFixture()
    fixture.effects.passing = [error] * 50
    await fixture.delivery.process(batch(1, 2))
    assert len(fixture.effects.taken) == 2
    assert fixture.parked == []
    assert max(fixture.slept) == 5.0


async def test_failed_commit_has_no_effect_and_is_retried() -> None:
    fixture = DeliveryFixture()
    failures = [ConnectionError(), ConnectionError()]

    def fail() -> None:
        if failures:
            raise failures.pop()

    fixture.store.before_commit = fail
    await fixture.delivery.process(batch(1))
    assert len(fixture.store.state.inbox) == 1


async def count_lost_by_a_bad_deployment(budget: DeadLetterBudget) -> int:
    """Return how many of 50 events have no effect after a build that fails on every message was replaced."""
    fixture = DeliveryFixture(budget)
    fixture.effects.poison = {float(value): Permanent("bad build") for value in range(50)}
    task = asyncio.create_task(fixture.delivery.process(batch(*range(50))))
    await eventually(lambda: fixture.delivery.paused or task.done())
    fixture.effects.poison = {}
    await fixture.delivery.resume(envelope())
    await task
    return 50 - len(fixture.effects.taken)


class Unlimited(DeadLetterBudget):
    """A seeded bug: dead letters without a limit."""

    exhausted = False
    is_last = False


async def test_dead_letters_without_a_limit_lose_events() -> None:
    assert await count_lost_by_a_bad_deployment(DeadLetterBudget(3)) == 3
    assert await count_lost_by_a_bad_deployment(Unlimited(3)) == 50


async def test_consumer_that_fails_on_everything_pauses_until_resumed() -> None:
    fixture = DeliveryFixture(budget=3)
    fixture.effects.poison = {float(value): Permanent("no") for value in range(8)}
    settling = asyncio.create_task(fixture.delivery.process(batch(*range(8))))
    await eventually(lambda: fixture.delivery.paused and len(fixture.slept) > 100)
    assert len(fixture.parked) == 3
    assert not settling.done(), "nothing is acknowledged meanwhile"

    fixture.effects.poison = {}
    assert await fixture.delivery.resume(envelope())
    await settling
    assert (len(fixture.parked), len(fixture.effects.taken)) == (3, 5), "the messages after it are not lost"
    assert not fixture.delivery.paused
    assert not await fixture.delivery.resume(envelope())


async def test_a_pause_outlives_a_restart_and_holds_for_other_instances() -> None:
    fixture = DeliveryFixture(budget=1)
    fixture.effects.poison = {float(value): Permanent("no") for value in range(3)}
    paused = asyncio.create_task(fixture.delivery.process(batch(0, 1)))
    await eventually(lambda: fixture.delivery.paused)
    await cancel_all([paused])

    other = DeliveryFixture(budget=1, store=fixture.store)
    other.effects.poison = {2.0: Permanent("no")}
    waiting = asyncio.create_task(other.delivery.process(batch(2)))
    await eventually(lambda: other.delivery.paused)
    assert len(fixture.parked) == 1, "a paused consumer parks nothing in any instance"
    await cancel_all([waiting])

    started = DeliveryFixture(budget=1, store=fixture.store)
    await started.delivery.refresh()
    assert started.delivery.paused


async def test_one_percent_of_poison_never_pauses() -> None:
    fixture = DeliveryFixture(budget=5)
    fixture.effects.poison = {-1.0: Permanent("no")}
    batches = scaled(30, 30, unit=8)
    for _ in range(batches):
        await fixture.delivery.process(batch(-1, *range(99)))
    assert (len(fixture.parked), fixture.delivery.paused) == (batches, False)


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 20))
def test_a_budget_is_exhausted_by_letters_alone(good: list[bool], limit: int) -> None:
    budget = DeadLetterBudget(limit)
    letters = 0
    for is_good in good:
        if is_good:
            budget.count_processed(1)
        else:
            last, letters = budget.is_last, letters + 1
            budget.count_letter()
            assert budget.exhausted == last
        assert not budget.exhausted or letters >= limit


async def test_consumer_reports_since_when_it_repeats_a_batch() -> None:
    fixture = DeliveryFixture()
    seen: list[object] = []
    exposed: list[float | None] = []
    fixture.effects.passing = [Retryable(), Retryable()]
    sleep = fixture.delivery._sleep

    async def watch(seconds: float) -> None:
        seen.append(fixture.delivery.retrying_since)
        fixture.clock.advance(timedelta(seconds=100))
        exposed.append(
            fixture.metrics.registry.get_sample_value("ratchet_consumer_retrying_seconds", {"consumer": CONSUMER})
        )
        await sleep(seconds)

    fixture.delivery._sleep = watch
    await fixture.delivery.process(batch(1))
    assert len(set(seen)) == 1
    assert None not in seen
    assert exposed[0] == 100.0
    assert fixture.delivery.retrying_since is None


async def test_dead_letter_is_replayed_once() -> None:
    fixture = DeliveryFixture()
    fixture.effects.poison = {1.0: Permanent("not yet")}
    await fixture.delivery.process(batch(1))
    (kept,) = fixture.store.state.letters.values()
    report = envelope()
    with pytest.raises(Permanent):
        await fixture.delivery.replay(kept.letter, report)
    assert fixture.parked == ["permanent"]
    assert fixture.outbox_topics == ["feedback.created.dlq"], "a failed replay is not reported"
    fixture.effects.poison = {}
    await fixture.delivery.replay(kept.letter, report)
    await fixture.delivery.replay(kept.letter, report)
    assert len(fixture.effects.taken) == 1
    assert fixture.parked == []
    assert fixture.outbox_topics == ["feedback.created.dlq", report.event.topic], "reported once"


async def test_discard_is_reported_once() -> None:
    fixture = DeliveryFixture()
    fixture.effects.poison = {1.0: Permanent("no")}
    await fixture.delivery.process(batch(1))
    (kept,) = fixture.store.state.letters.values()
    assert [await fixture.delivery.discard(kept.letter, envelope()) for _ in range(2)] == [True, False]
    assert fixture.outbox_topics == ["feedback.created.dlq", "feedback.created"]


async def test_repeated_poison_is_parked_once() -> None:
    fixture = DeliveryFixture()
    fixture.effects.poison = {1.0: Permanent("no")}
    sent = envelope(feedback(value=1.0))
    await fixture.delivery.process([record(sent, offset=1)])
    await fixture.delivery.process([record(sent, offset=9)])
    assert fixture.parked == ["permanent"]


async def test_api_key_in_a_dead_letter_is_kept_for_replay_and_not_mirrored() -> None:
    fixture = DeliveryFixture()
    secret = b"abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
    payload = b'{"api_key":"rk_ab12_' + secret + b'","body":'
    await fixture.delivery.process([FakeRecord("feedback.submitted", 0, 0, None, payload, record(envelope()).headers)])
    (kept,) = fixture.store.state.letters.values()
    (row,) = fixture.store.state.outbox
    assert secret in kept.letter.payload
    assert row.message.value == b'{"api_key":"rk_ab12_[secret]","body":'


async def test_api_key_in_a_header_or_key_is_not_mirrored() -> None:
    fixture = DeliveryFixture()
    secret = b"rk_ab12_abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
    await fixture.delivery.process([FakeRecord("feedback.submitted", 0, 0, secret, b"{", (("authorization", secret),))])
    (row,) = fixture.store.state.outbox
    assert row.message.key == "rk_ab12_[secret]"
    assert dict(row.message.headers)["authorization"] == "rk_ab12_[secret]"
