"""Producer to effect on fakes, with crashes, rebalances and dead brokers in any order: nothing lost, nothing twice."""

import contextlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from shared.events.feedback import FeedbackCreated
from shared.messaging.cloudevents import Received
from shared.messaging.dead_letter_budget import DeadLetterBudget
from shared.messaging.delivery import Delivery
from shared.messaging.relay import Relay
from shared.messaging.store import Subscription, Tx
from shared.runtime.metrics import Metrics
from shared.testing.bus import FakeBus, FakeConsumer
from shared.testing.clock import FakeClock
from shared.testing.store import FakeStore
from tests.support.messaging import envelope, feedback
from tests.support.stepping import run_now

TOPIC = "feedback.created"


class Crash(BaseException):
    """The process is gone: nobody catches it."""


class Loop(RuleBasedStateMachine):
    """A service that emits, a relay, a bus with two consumers, and a world in which each may die at each step."""

    claims = True
    acknowledges_after = True
    outbox_in_transaction = True

    @initialize()
    def start(self) -> None:
        self.clock = FakeClock()
        self.emitter, self.taker = FakeStore(clock=self.clock), FakeStore(clock=self.clock)
        self.bus = FakeBus(partitions=3)
        self.metrics = Metrics("scratch")
        self.accepted: set[float] = set()
        self.effects: Counter[float] = Counter()
        self.members = [run_now(self.bus.join("g", [TOPIC], str(number))) for number in range(2)]

    @rule(target_number=st.integers(0, 4), dies=st.booleans())
    def accept(self, target_number: int, dies: bool) -> None:
        """A request comes in; the process may die just before the commit."""
        number = float(len(self.accepted) + 1)
        sent = envelope(feedback(target=f"bot-{target_number}", value=number))

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
        self.accepted.add(number)

    async def _commit(self, sent: Any) -> None:
        async with self.emitter.begin() as tx:
            if self.outbox_in_transaction:
                await tx.emit(sent)

    @rule(down=st.booleans(), dies_before_mark=st.booleans())
    def relay(self, down: bool, dies_before_mark: bool) -> None:
        """The relay sends; the brokers may be away, and it may die between sending and marking."""
        self.bus.down = down
        relay = Relay(self.emitter, self.bus, "r", self.emitter.shards, self.metrics)
        tokens = run_now(self.emitter.lease(self.emitter.shards, "r", 60))
        if dies_before_mark:
            tokens = dict.fromkeys(tokens, -1)
        with contextlib.suppress(ConnectionError):
            run_now(relay.pump(tokens))
        self.bus.down = False

    @rule(member=st.integers(0, 1), dies=st.sampled_from(["no", "before commit", "before acknowledging"]))
    def consume(self, member: int, dies: str) -> None:
        """A consumer takes a batch; it may die before its transaction commits, or before it acknowledges."""
        consumer = self.members[member]
        staged: list[float] = []

        async def handle(_: Tx, events: Sequence[Received[Any]]) -> None:
            staged.extend(received.event.value for received in events)

        def commit() -> None:
            if dies == "before commit":
                raise Crash
            self.effects.update(staged)

        self.taker.before_commit = commit
        delivery = Delivery(
            "g", Subscription("g", (FeedbackCreated,), handle), self.taker, self.clock, self.metrics,
            DeadLetterBudget(10),
        )  # fmt: skip
        records = run_now(consumer.poll(5))
        after = {(record.topic, record.partition): record.offset + 1 for record in records}
        try:
            if not self.acknowledges_after:
                run_now(consumer.commit(after))
            if not self.claims:
                self.taker.state.inbox.clear()
            run_now(delivery.settle(records))
            if dies == "before acknowledging":
                raise Crash
        except Crash:
            self._replace(member, consumer)
            return
        if self.acknowledges_after:
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

    def teardown(self) -> None:
        """When everything is well again, all that was accepted has had its effect."""
        for _ in range(3):
            self.relay(down=False, dies_before_mark=False)
        for _ in range(2 + len(self.accepted)):
            for member in range(2):
                self.consume(member, "no")
        lost = self.accepted - set(self.effects)
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


def test_nothing_is_lost_and_nothing_counts_twice() -> None:
    run(Loop, 150)


class WithoutInbox(Loop):
    claims = False


class AcknowledgesFirst(Loop):
    acknowledges_after = False


class WithoutOutbox(Loop):
    outbox_in_transaction = False


@pytest.mark.parametrize(
    ("machine", "says"), [(WithoutInbox, "twice > 0"), (AcknowledgesFirst, "lost > 0"), (WithoutOutbox, "lost > 0")]
)
def test_the_suite_notices_a_broken_discipline(machine: type[Loop], says: str) -> None:
    """Each promise broken on purpose is noticed by what it breaks: lost or twice, nothing else."""
    with pytest.raises(AssertionError, match=says):
        run(machine, 300)
