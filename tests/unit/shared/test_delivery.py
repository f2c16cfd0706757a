"""Delivery on fakes: whatever fails, each event has its effect once or is parked where it can be seen."""

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
from shared.messaging.dead_letter_budget import DeadLetterBudget
from shared.messaging.delivery import Delivery
from shared.messaging.store import Subscription, Tx
from shared.runtime.background import cancel_all
from shared.runtime.prometheus_metrics import Metrics
from shared.testing.bus import FakeRecord
from shared.testing.clock import FakeClock
from shared.testing.store import FakeStore
from tests.support.eventually import eventually
from tests.support.messaging import envelope, feedback, record

CONSUMER = "scratch.effects"


class Effects:
    """A handler that counts, and fails as told: `poison` values always, `passing` failures first."""

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


class Bench:
    """A delivery on fakes. Sleeping advances the clock."""

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

    @property
    def told(self) -> list[str]:
        """Topics of what went into the outbox."""
        return [row.message.topic for row in self.store.state.outbox]


def batch(*values: float) -> list[FakeRecord]:
    return [record(envelope(feedback(value=value)), offset) for offset, value in enumerate(values)]


async def test_a_repeat_does_not_change_the_order() -> None:
    """A relay that died sends again from where it was: the repeat of an old event comes after a newer one."""
    bench = Bench()
    old, new = envelope(feedback(value=1.0)), envelope(feedback(value=2.0))
    await bench.delivery.process([record(old, 0), record(new, 1), record(old, 2)])
    assert bench.effects.taken == [old.id, new.id]


async def test_a_batch_is_taken_in_one_transaction_and_once() -> None:
    bench = Bench()
    records = batch(1, 2, 3)
    await bench.delivery.process([*records, records[0]])
    await bench.delivery.process(records)
    assert len(bench.effects.taken) == len(set(bench.effects.taken)) == 3
    assert bench.effects.calls == 1


async def test_order_within_a_batch_is_kept() -> None:
    bench = Bench()
    records = batch(*range(10))
    await bench.delivery.process(records)
    assert [str(taken) for taken in bench.effects.taken] == [dict(r.headers)["ce_id"].decode() for r in records]


async def test_poison_is_parked_alone_and_the_rest_goes_on() -> None:
    bench = Bench()
    bench.effects.poison = {6.0: ValueError("no"), 9.0: Permanent("never")}
    await bench.delivery.process(batch(*range(16)))
    assert len(bench.effects.taken) == 14
    assert sorted(bench.parked) == ["exhausted", "permanent"]
    assert len(bench.slept) == 2, "an unknown error is tried three times, a permanent one once"


@pytest.mark.parametrize(
    ("headers", "value", "reason"),
    [
        ((), b"{}", "malformed"),
        ((("ce_id", b"\xff"),), b"{}", "malformed"),
        (None, b"no json", "malformed"),
        (None, None, "malformed"),
    ],
)
async def test_what_is_no_event_is_parked(headers: Any, value: bytes | None, reason: str) -> None:
    bench = Bench()
    good = record(envelope())
    bad = FakeRecord("feedback.created", 0, 1, None, value, good.headers if headers is None else headers)
    await bench.delivery.process([bad, good])
    assert len(bench.effects.taken) == 1
    assert bench.parked == [reason]


async def test_an_unknown_major_is_parked_until_the_code_knows_it() -> None:
    bench = Bench()
    good = record(envelope())
    headers = tuple((n, b"ratchet.feedback.created.v9" if n == "ce_type" else v) for n, v in good.headers)
    await bench.delivery.process([FakeRecord("feedback.created", 0, 1, None, good.value, headers)])
    assert bench.parked == ["unknown-type"]


@pytest.mark.parametrize("error", [Retryable("later"), OperationalError("", {}, OSError()), TimeoutError()])
async def test_a_passing_failure_delays_and_never_parks(error: Exception) -> None:
    bench = Bench()
    bench.effects.passing = [error] * 50
    await bench.delivery.process(batch(1, 2))
    assert len(bench.effects.taken) == 2
    assert bench.parked == []
    assert max(bench.slept) == 5.0


async def test_a_commit_that_fails_has_no_effect_and_comes_again() -> None:
    bench = Bench()
    failures = [ConnectionError(), ConnectionError()]

    def fail() -> None:
        if failures:
            raise failures.pop()

    bench.store.before_commit = fail
    await bench.delivery.process(batch(1))
    assert len(bench.store.state.inbox) == 1


async def lost_to_a_bad_deploy(budget: DeadLetterBudget) -> int:
    """How many of 50 messages have no effect by themselves once a build in which every message fails was replaced."""
    bench = Bench(budget)
    bench.effects.poison = {float(value): Permanent("bad build") for value in range(50)}
    task = asyncio.create_task(bench.delivery.process(batch(*range(50))))
    await eventually(lambda: bench.delivery.paused or task.done())
    bench.effects.poison = {}
    await bench.delivery.resume(envelope())
    await task
    return 50 - len(bench.effects.taken)


class Unlimited(DeadLetterBudget):
    """A seeded bug: dead letters without a limit."""

    exhausted = False
    is_last = False


async def test_dead_letters_without_a_limit_would_be_seen() -> None:
    assert await lost_to_a_bad_deploy(DeadLetterBudget(3)) == 3
    assert await lost_to_a_bad_deploy(Unlimited(3)) == 50


async def test_a_consumer_that_fails_on_everything_pauses_until_an_operator_resumes_it() -> None:
    bench = Bench(budget=3)
    bench.effects.poison = {float(value): Permanent("no") for value in range(8)}
    settling = asyncio.create_task(bench.delivery.process(batch(*range(8))))
    await eventually(lambda: bench.delivery.paused and len(bench.slept) > 100)
    assert len(bench.parked) == 3
    assert not settling.done(), "nothing is acknowledged meanwhile"

    bench.effects.poison = {}
    assert await bench.delivery.resume(envelope())
    await settling
    assert (len(bench.parked), len(bench.effects.taken)) == (3, 5), "what was behind it is not lost"
    assert not bench.delivery.paused
    assert not await bench.delivery.resume(envelope())


async def test_a_pause_outlives_a_restart_and_holds_for_other_instances() -> None:
    bench = Bench(budget=1)
    bench.effects.poison = {float(value): Permanent("no") for value in range(3)}
    paused = asyncio.create_task(bench.delivery.process(batch(0, 1)))
    await eventually(lambda: bench.delivery.paused)
    await cancel_all([paused])

    other = Bench(budget=1, store=bench.store)
    other.effects.poison = {2.0: Permanent("no")}
    waiting = asyncio.create_task(other.delivery.process(batch(2)))
    await eventually(lambda: other.delivery.paused)
    assert len(bench.parked) == 1, "a paused consumer parks nothing, in whichever instance"
    await cancel_all([waiting])

    started = Bench(budget=1, store=bench.store)
    await started.delivery.refresh()
    assert started.delivery.paused


async def test_one_bad_message_in_a_hundred_never_pauses() -> None:
    bench = Bench(budget=5)
    bench.effects.poison = {-1.0: Permanent("no")}
    for _ in range(30):
        await bench.delivery.process(batch(-1, *range(99)))
    assert (len(bench.parked), bench.delivery.paused) == (30, False)


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


async def test_a_consumer_says_since_when_it_repeats_a_batch() -> None:
    bench = Bench()
    seen: list[object] = []
    exposed: list[float | None] = []
    bench.effects.passing = [Retryable(), Retryable()]
    sleep = bench.delivery._sleep

    async def watch(seconds: float) -> None:
        seen.append(bench.delivery.retrying_since)
        bench.clock.advance(timedelta(seconds=100))
        exposed.append(
            bench.metrics.registry.get_sample_value("ratchet_consumer_retrying_seconds", {"consumer": CONSUMER})
        )
        await sleep(seconds)

    bench.delivery._sleep = watch
    await bench.delivery.process(batch(1))
    assert len(set(seen)) == 1
    assert None not in seen
    assert exposed[0] == 100.0
    assert bench.delivery.retrying_since is None


async def test_a_parked_event_can_be_taken_again_once() -> None:
    bench = Bench()
    bench.effects.poison = {1.0: Permanent("not yet")}
    await bench.delivery.process(batch(1))
    (kept,) = bench.store.state.letters.values()
    report = envelope()
    with pytest.raises(Permanent):
        await bench.delivery.replay(kept.letter, report)
    assert bench.parked == ["permanent"]
    assert bench.told == ["feedback.created.dlq"], "what failed is not reported"
    bench.effects.poison = {}
    await bench.delivery.replay(kept.letter, report)
    await bench.delivery.replay(kept.letter, report)
    assert len(bench.effects.taken) == 1
    assert bench.parked == []
    assert bench.told == ["feedback.created.dlq", report.event.topic], "reported once"


async def test_what_is_discarded_is_reported_once() -> None:
    bench = Bench()
    bench.effects.poison = {1.0: Permanent("no")}
    await bench.delivery.process(batch(1))
    (kept,) = bench.store.state.letters.values()
    assert [await bench.delivery.discard(kept.letter, envelope()) for _ in range(2)] == [True, False]
    assert bench.told == ["feedback.created.dlq", "feedback.created"]


async def test_what_is_sent_again_is_parked_once() -> None:
    bench = Bench()
    bench.effects.poison = {1.0: Permanent("no")}
    sent = envelope(feedback(value=1.0))
    await bench.delivery.process([record(sent, offset=1)])
    await bench.delivery.process([record(sent, offset=9)])
    assert bench.parked == ["permanent"]


async def test_an_api_key_in_a_dead_letter_is_kept_for_its_replay_and_never_sent_on() -> None:
    bench = Bench()
    secret = b"abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
    payload = b'{"api_key":"rk_ab12_' + secret + b'","body":'
    await bench.delivery.process([FakeRecord("feedback.submitted", 0, 0, None, payload, record(envelope()).headers)])
    (kept,) = bench.store.state.letters.values()
    (row,) = bench.store.state.outbox
    assert secret in kept.letter.payload
    assert row.message.value == b'{"api_key":"rk_ab12_[secret]","body":'


async def test_an_api_key_in_a_header_or_key_is_never_sent_on() -> None:
    bench = Bench()
    secret = b"rk_ab12_abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
    await bench.delivery.process([FakeRecord("feedback.submitted", 0, 0, secret, b"{", (("authorization", secret),))])
    (row,) = bench.store.state.outbox
    assert row.message.key == "rk_ab12_[secret]"
    assert dict(row.message.headers)["authorization"] == "rk_ab12_[secret]"
