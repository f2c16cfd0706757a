"""Producer to effect with fakes; crashes, rebalances and dead brokers in any order lose and repeat nothing."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from shared.errors import Permanent, Retryable
from shared.events.feedback import FeedbackCreated
from shared.events.message import OutgoingMessage
from shared.messaging.cloudevents import Received
from shared.messaging.dead_letter_writer import DeadLetterBudget
from shared.messaging.delivery import Delivery
from shared.messaging.outbox_holds import NOTHING_HELD, Held
from shared.messaging.relay import Relay
from shared.messaging.send_result import SendResult
from shared.messaging.store import Pending, Progress, Subscription, Tx
from shared.runtime.prometheus_metrics import Metrics
from shared.testing.bus import FakeBus, FakeConsumer, FakeRecord
from shared.testing.clock import FakeClock
from shared.testing.store import FakeStore, FakeTx
from tests.support.messaging import envelope, feedback
from tests.support.soak import scaled
from tests.support.staged_store import run_now

TOPIC = "feedback.created"


async def _at_once(_: float) -> None:
    return None


class Crash(BaseException):
    """A crash of the process: BaseException, so that no handler catches it."""


class Loop(RuleBasedStateMachine):
    """A service that emits, a relay, and a bus with two consumers, each of which may die at each step."""

    claims = True
    acknowledges_after = True
    outbox_in_transaction = True

    @initialize()
    def start(self) -> None:
        self.clock = FakeClock()
        self.emitter, self.taker = self.new_emitter(), FakeStore(clock=self.clock)
        self.bus = self.new_bus()
        self.metrics = Metrics("scratch")
        self.accepted: set[float] = set()
        self.poison: set[float] = set()
        self.effects: Counter[float] = Counter()
        self.newest: dict[str, float] = {}
        self.overwritten: set[str] = set()
        self.members = [run_now(self.bus.join("g", [TOPIC], str(number))) for number in range(2)]

    def new_emitter(self) -> FakeStore:
        return FakeStore(clock=self.clock)

    def new_bus(self) -> FakeBus:
        return FakeBus(partitions=3)

    def process_batch(self, delivery: Delivery, consumer: FakeConsumer, records: Sequence[FakeRecord]) -> bool:
        """Process a batch. Return whether to acknowledge it."""
        run_now(delivery.process(records))
        return True

    @rule(
        target_number=st.integers(0, 4),
        count=st.integers(1, 3),
        dies=st.booleans(),
        poison=st.sampled_from([False] * 7 + [True]),
    )
    def accept(self, target_number: int, count: int, dies: bool, poison: bool) -> None:
        """Accept a request, possibly with poison; the process may die before the commit."""
        numbers = [float(len(self.accepted) + 1 + more) for more in range(count)]
        sent = [envelope(feedback(target=f"bot-{target_number}", value=number)) for number in numbers]

        def crash() -> None:
            if dies:
                raise Crash

        self.emitter.before_commit = crash
        try:
            run_now(self._commit(sent))
        except Crash:
            return
        finally:
            self.emitter.before_commit = lambda: None
        self.accepted |= set(numbers)
        self.poison |= {numbers[0]} if poison else set()

    async def _commit(self, sent: Sequence[Any]) -> None:
        async with self.emitter.begin() as tx:
            if self.outbox_in_transaction:
                await tx.emit(*sent)

    @rule(down=st.booleans(), accepts=st.integers(1, 4), dies_before_mark=st.booleans())
    def relay(self, down: bool, accepts: int, dies_before_mark: bool) -> None:
        """Run the relay; the brokers may be or become unavailable, and it may die between sending and marking."""
        self.bus.down, left = down, iter([SendResult.SENT] * accepts)
        self.bus.result_of = lambda _: next(left, SendResult.UNANSWERED)
        relay = Relay(self.emitter, self.bus, "r", self.emitter.shards, self.metrics)
        tokens = run_now(self.emitter.lease(self.emitter.shards, "r", 60))
        if dies_before_mark:
            tokens = dict.fromkeys(tokens, -1)
        with contextlib.suppress(ConnectionError):
            run_now(relay.pump(tokens))
        self.bus.down = False
        self.bus.result_of = lambda _: SendResult.SENT

    @rule(
        member=st.integers(0, 1),
        dies=st.sampled_from(["no", "before commit", "before acknowledging"]),
        fails=st.booleans(),
    )
    def consume(self, member: int, dies: str, fails: bool) -> None:
        """Consume a batch; the consumer may die before its commit or before its acknowledgement.

        The first attempt may fail with a transient error.
        """
        consumer = self.members[member]
        staged: list[Any] = []
        passing = [Retryable()] if fails else []

        async def handle(_: Tx, events: Sequence[Received[Any]]) -> None:
            staged.clear()
            if passing:
                raise passing.pop()
            if any(received.event.value in self.poison for received in events):
                raise Permanent
            staged.extend(received.event for received in events)

        def commit() -> None:
            if dies == "before commit":
                raise Crash
            self.effects.update(event.value for event in staged)
            for event in staged:
                if self.newest.get(event.target, 0.0) > event.value:
                    self.overwritten.add(event.target)
                self.newest[event.target] = event.value
            staged.clear()

        self.taker.before_commit = commit
        delivery = Delivery(
            "g", Subscription("g", (FeedbackCreated,), handle), self.taker, self.clock, self.metrics,
            DeadLetterBudget(1_000), _at_once,
        )  # fmt: skip
        records = run_now(consumer.poll(5))
        after = {(record.topic, record.partition): record.offset + 1 for record in records}
        try:
            if not self.acknowledges_after:
                run_now(consumer.commit(after))
            if not self.claims:
                self.taker.state.inbox.clear()
            settled = self.process_batch(delivery, consumer, records)
            if dies == "before acknowledging":
                raise Crash
        except Crash:
            self._replace(member, consumer)
            return
        if self.acknowledges_after and settled:
            run_now(consumer.commit(after))

    def _replace(self, member: int, consumer: FakeConsumer) -> None:
        run_now(consumer.leave())
        self.members[member] = run_now(self.bus.join("g", [TOPIC], "again"))

    @rule()
    def rebalance(self) -> None:
        self.bus.rebalance("g")

    @invariant()
    def nothing_counts_twice_and_nothing_unaccepted_counts(self) -> None:
        twice = [number for number, times in self.effects.items() if times > 1]
        assert not twice, f"twice > 0: {twice}"
        assert set(self.effects) <= self.accepted
        assert not self.overwritten, f"lost > 0: overwritten by an older one: {self.overwritten}"

    def teardown(self) -> None:
        """After recovery, every accepted event has had its effect or is parked."""
        for _ in range(3):
            self.relay(down=False, accepts=len(self.accepted), dies_before_mark=False)
        for _ in range(2 + len(self.accepted)):
            for member in range(2):
                self.consume(member, "no", fails=False)
        parked = len(self.taker.state.letters)
        lost = self.accepted - set(self.effects) - self.poison
        assert parked == len(self.poison), f"lost > 0: {len(self.poison) - parked} poison messages"
        assert not lost, f"lost > 0: {lost}"
        self.nothing_counts_twice_and_nothing_unaccepted_counts()


def run(machine: type[Loop], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_each_event_counts_once() -> None:
    run(Loop, scaled(50, 1_000, unit=15))


class WithoutInbox(Loop):
    claims = False


class AcknowledgesFirst(Loop):
    acknowledges_after = False


class WithoutOutbox(Loop):
    outbox_in_transaction = False


class MarksWholeRows(Loop):
    """The unsent messages of a row that was sent in part are lost."""

    def new_emitter(self) -> FakeStore:
        return MarkingStore(clock=self.clock)


class MarkingStore(FakeStore):
    async def mark_sent(self, tokens: dict[int, int], owner: str, progress: Sequence[Progress]) -> bool:
        whole = {row.id: row.first + len(row.messages) for row in await self.pending(range(self.shards), 1_000)}
        return await super().mark_sent(tokens, owner, [done._replace(sent=whole[done.id]) for done in progress])


class MarksBeforeTheAcknowledgement(Loop):
    """Messages that were read count as sent, even if sending fails."""

    def new_emitter(self) -> FakeStore:
        return ForgetfulStore(clock=self.clock)


class ForgetfulStore(FakeStore):
    async def pending(
        self, shards: Collection[int], limit: int, max_bytes: int = 1 << 30, held: Held = NOTHING_HELD
    ) -> list[Pending]:
        found = await super().pending(shards, limit, max_bytes, held)
        for row in self.state.rows:
            row.sent += sum(len(read.messages) for read in found if read.id == row.id)
        return found


class InboxOutsideTheTransaction(Loop):
    """The claim stays, even if the effect is rolled back."""

    @initialize()
    def start(self) -> None:
        super().start()
        self.taker = ClaimsAtOnce(clock=self.clock)


class ClaimsAtOnce(FakeStore):
    @asynccontextmanager
    async def begin(self) -> AsyncIterator[FakeTx]:
        async with super().begin() as tx:
            try:
                yield tx
            finally:
                self.state.inbox |= tx.claimed


class DefaultAcknowledgement(Loop):
    """Errors of handlers are logged and the batch is acknowledged, the default of many frameworks."""

    def process_batch(self, delivery: Delivery, consumer: FakeConsumer, records: Sequence[FakeRecord]) -> bool:
        with contextlib.suppress(Retryable, Permanent):
            run_now(delivery._run_transaction(run_now(delivery._decode(records))))
        return True


class EndlessNegativeAcknowledgement(Loop):
    """A failing message is redelivered endlessly, with all that follow it."""

    def process_batch(self, delivery: Delivery, consumer: FakeConsumer, records: Sequence[FakeRecord]) -> bool:
        try:
            run_now(delivery._run_transaction(run_now(delivery._decode(records))))
        except (Retryable, Permanent):
            consumer.positions |= {(it.topic, it.partition): it.offset for it in reversed(records)}
            return False
        return True


class PublishBatch(Loop):
    """Whole batches are sent to one partition after another, ignoring keys."""

    def new_bus(self) -> FakeBus:
        return RoundRobin(partitions=3)


class RoundRobin(FakeBus):
    def append(
        self, topic: str, key: bytes, value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()
    ) -> FakeRecord:
        return super().append(topic, str(sum(map(len, self.log.values()))).encode(), value, headers)


class IdempotentProducer(Loop):
    """After an outage it waits forever for a sequence number."""

    def new_bus(self) -> FakeBus:
        return Hanging(partitions=3)


class Hanging(FakeBus):
    hangs = False

    async def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        self.hangs = self.hangs or (self.down and bool(messages))
        return [SendResult.UNANSWERED] * len(messages) if self.hangs else await super().send(messages)


@pytest.mark.parametrize(
    ("machine", "says"),
    [
        (WithoutInbox, "twice > 0"),
        (AcknowledgesFirst, "lost > 0"),
        (WithoutOutbox, "lost > 0"),
        (MarksWholeRows, "lost > 0"),
        (MarksBeforeTheAcknowledgement, "lost > 0"),
        (InboxOutsideTheTransaction, "lost > 0"),
        (DefaultAcknowledgement, "lost > 0"),
        (EndlessNegativeAcknowledgement, "lost > 0"),
        (PublishBatch, "lost > 0: overwritten"),
        (IdempotentProducer, "lost > 0"),
    ],
)
def test_suite_detects_each_broken_guarantee(machine: type[Loop], says: str) -> None:
    """Each broken guarantee is detected by its own failure, lost or twice."""
    with pytest.raises(AssertionError, match=says):
        run(machine, 300)
