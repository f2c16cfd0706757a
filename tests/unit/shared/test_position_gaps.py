"""A database is restored from a backup while Kafka continues: the gap is processed once, or reported as lost."""

import asyncio
import copy
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from faststream.kafka import KafkaMessage
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from shared.events.feedback import FeedbackCreated
from shared.messaging.cloudevents import Received, Record
from shared.messaging.consumer import SubscriptionConsumer
from shared.messaging.dead_letter_writer import DeadLetterBudget
from shared.messaging.delivery import Delivery
from shared.messaging.flow_control import NoFlow
from shared.messaging.gap_detector import GapDetector
from shared.messaging.position_gaps import ABSENT, Decision, Gap, LogState, reconcile
from shared.messaging.store import Subscription, Tx
from shared.runtime.prometheus_metrics import Metrics
from shared.testing.clock import FakeClock
from shared.testing.store import FakeStore
from tests.support.messaging import envelope, feedback, record
from tests.support.soak import scaled

TOPIC = "feedback.created"
GROUP = "scratch.effects"


@pytest.mark.parametrize(
    ("position", "committed", "kept", "end", "compacted", "decision"),
    [
        pytest.param(5, 5, 0, 9, False, None, id="they agree"),
        pytest.param(5, 3, 0, 9, False, None, id="it died before it acknowledged"),
        pytest.param(5, None, 0, 9, False, None, id="Kafka forgot the group: all is read again, and known"),
        pytest.param(None, 5, 0, 9, False, Decision(5), id="used before positions were kept"),
        pytest.param(ABSENT, None, 2, 9, False, Decision(2), id="never used"),
        pytest.param(ABSENT, 0, 0, 9, False, Decision(0), id="never got anything"),
        pytest.param(ABSENT, 5, 0, 9, False, Decision(0, True, Gap(0, 5, 0)), id="an empty database"),
        pytest.param(3, 5, 0, 9, False, Decision(3, True, Gap(3, 5, 0)), id="restored"),
        pytest.param(1, 8, 6, 9, False, Decision(6, True, Gap(1, 8, 5)), id="restored, some deleted"),
        pytest.param(1, 5, 6, 9, False, Decision(6, True, Gap(1, 6, 5)), id="restored, all deleted and more"),
        pytest.param(1, 8, 6, 9, True, Decision(6, True, Gap(1, 8, 0)), id="restored, superseded is not lost"),
        pytest.param(3, 3, 6, 9, False, Decision(6, False, Gap(3, 6, 3)), id="overtaken by retention"),
        pytest.param(3, 3, 6, 9, True, Decision(6), id="overtaken by compaction"),
        pytest.param(20, None, 0, 9, False, Decision(0, new_log=True), id="another broker"),
        pytest.param(20, 20, 0, 0, False, Decision(0, new_log=True), id="the topic was made again"),
    ],
)
def test_comparison_of_two_positions(
    position: int | None, committed: int | None, kept: int, end: int, compacted: bool, decision: Decision | None
) -> None:
    assert reconcile(position, LogState(committed, kept, end), compacted) == decision


class Kafka:
    """Two partitions and one group member: the part of Kafka that a reader uses."""

    def __init__(self) -> None:
        self.partitions = [TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)]
        self.log: dict[TopicPartition, list[Record]] = {it: [] for it in self.partitions}
        self.kept = dict.fromkeys(self.partitions, 0)
        self.offsets: dict[TopicPartition, int] = {}
        self.positions = dict.fromkeys(self.partitions, 0)

    def assign(self) -> None:
        self.positions = {it: self.offsets.get(it, self.kept[it]) for it in self.partitions}

    def poll(self, limit: int) -> list[Record]:
        found: list[Record] = []
        for it in self.partitions:
            start = max(self.positions[it], self.kept[it])  # auto_offset_reset=earliest
            records = self.log[it][start : start + limit]
            found += records
            self.positions[it] = start + len(records)
        return found

    def assignment(self) -> set[TopicPartition]:
        return set(self.partitions)

    async def committed(self, at: TopicPartition) -> int | None:
        return self.offsets.get(at)

    async def beginning_offsets(self, wanted: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return {it: self.kept[it] for it in wanted}

    async def end_offsets(self, wanted: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return {it: len(self.log[it]) for it in wanted}

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.offsets |= offsets

    def seek(self, at: TopicPartition, offset: int) -> None:
        self.positions[at] = offset


class Service(RuleBasedStateMachine):
    """A consumer that writes a row per event; backups, restores, retention and crashes in any order."""

    keeps_positions = True

    @initialize()
    def start(self) -> None:
        self.loop = asyncio.Runner()
        self.kafka, self.store, self.metrics = Kafka(), FakeStore(), Metrics("scratch")
        self.sent = 0
        self.deleted: set[float] = set()
        self.reported: set[float] = set()
        self._begin()
        self.watch()  # a consumer's positions are stored from its first start on
        self.back_up()

    def _begin(self) -> None:
        """Start a new process."""
        self.detector = Detector(GROUP, self.store, self.metrics, self._lost)
        subscription = Subscription("effects", (FeedbackCreated,), self._handle)
        delivery = Delivery(
            GROUP, subscription, self.store, FakeClock(), self.metrics, DeadLetterBudget(10_000),
            keeps_positions=self.keeps_positions,
        )  # fmt: skip
        self.reader = SubscriptionConsumer(GROUP, delivery.process, True, NoFlow(), self.metrics, self.detector)
        self.reader.subscriber = type("Subscriber", (), {"consumer": self.kafka})()
        self.kafka.assign()

    async def _handle(self, tx: Tx, events: Sequence[Received[Any]]) -> None:
        await tx.emit(*[envelope(received.event) for received in events])

    def _lost(self, at: TopicPartition, gap: Gap) -> None:
        self.reported |= {value_of(it) for it in self.kafka.log[at][gap.first : gap.first + gap.lost]}

    @rule(partition=st.integers(0, 1), count=st.integers(1, 5), malformed=st.booleans())
    def send(self, partition: int, count: int, malformed: bool) -> None:
        at = self.kafka.partitions[partition]
        for _ in range(count):
            self.sent += 1
            self.kafka.log[at].append(message(at, len(self.kafka.log[at]), self.sent, malformed))
            malformed = False

    @rule(
        limit=st.integers(1, 6), dies=st.booleans(), watched=st.booleans(),
        unacknowledged=st.booleans(),
    )  # fmt: skip
    def consume(self, limit: int, dies: bool, watched: bool, unacknowledged: bool) -> None:
        """Consume a batch; the watchdog may check between its fetch and its transaction; offset commits may fail."""
        offsets = dict(self.kafka.offsets)
        records = self.kafka.poll(limit)
        if watched:
            self.watch()
        if records:
            self.loop.run(
                self.reader.consume(KafkaMessage(body=b"", raw_message=cast(Any, records), consumer=cast(Any, None)))
            )
        if unacknowledged and all(self.kafka.offsets.get(it, 0) >= offset for it, offset in offsets.items()):
            self.kafka.offsets = offsets
        if dies:
            self._begin()

    @rule()
    def watch(self) -> None:
        self.reader._compared = (frozenset(), 0.0)
        self.loop.run(self.reader.compare_positions())

    @rule()
    def back_up(self) -> None:
        self.backup = copy.deepcopy(self.store.state)

    @rule(stopped=st.booleans())
    def restore(self, stopped: bool) -> None:
        self.store.state = copy.deepcopy(self.backup)
        if stopped:
            self._begin()

    @rule(partition=st.integers(0, 1), count=st.integers(1, 4))
    def retain(self, partition: int, count: int) -> None:
        at = self.kafka.partitions[partition]
        kept = min(self.kafka.kept[at] + count, len(self.kafka.log[at]))
        self.deleted |= {value_of(it) for it in self.kafka.log[at][self.kafka.kept[at] : kept]}
        self.kafka.kept[at] = kept

    def effects(self) -> Counter[float]:
        state = self.store.state
        kept = [row.message.value for row in state.outbox if row.message.topic == TOPIC]
        parked = [it.letter.payload for it in state.letters.values()]
        return Counter(float(value.partition(b'"value":')[2].partition(b",")[0]) for value in kept + parked)

    @invariant()
    def nothing_counts_twice(self) -> None:
        twice = [value for value, times in self.effects().items() if times > 1]
        assert not twice, f"twice > 0: {twice}"

    def teardown(self) -> None:
        for _ in range(3 + self.sent):
            self.watch()
            self.consume(limit=5, dies=False, watched=False, unacknowledged=False)
        self.loop.close()
        missing = {float(number) for number in range(1, self.sent + 1)} - set(self.effects())
        assert missing <= self.reported, f"lost > 0 and silent: {missing - self.reported}"
        assert self.reported <= self.deleted, "reported as lost what Kafka still has"


class Detector(GapDetector):
    def __init__(
        self, consumer: str, store: FakeStore, metrics: Metrics, lost: Callable[[TopicPartition, Gap], None]
    ) -> None:
        super().__init__(consumer, store, metrics)
        self.lost = lost

    def _report(self, at: TopicPartition, former: int | None, decision: Decision) -> None:
        super()._report(at, former, decision)
        if decision.gap is not None:
            self.lost(at, decision.gap)


def value_of(it: Record) -> float:
    return float((it.value or b"").partition(b'"value":')[2].partition(b",")[0])


def message(at: TopicPartition, offset: int, number: int, malformed: bool) -> Record:
    """Return a thumb of this value, with a timestamp; a malformed one has a header without a type."""
    made: Any = record(envelope(feedback(target=f"bot-{number % 3}", value=float(number))), offset)
    headers = () if malformed else made.headers
    return cast(Record, Stamped(at.topic, at.partition, offset, made.key, made.value, headers))


class Stamped:
    timestamp = 0

    def __init__(self, topic: str, partition: int, offset: int, key: bytes, value: bytes, headers: Any) -> None:
        self.topic, self.partition, self.offset = topic, partition, offset
        self.key, self.value, self.headers = key, value, headers


def run(machine: type[Service], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_event_is_lost_silently_or_counted_twice() -> None:
    run(Service, scaled(100, 5_000, unit=25))


class WithoutPositions(Service):
    """A seeded bug: only Kafka's acknowledged offsets are used, not the database's positions."""

    keeps_positions = False

    def watch(self) -> None:
        return None


def test_without_positions_a_restored_database_loses_events_silently() -> None:
    with pytest.raises(AssertionError, match="lost > 0 and silent"):
        run(WithoutPositions, 300)
