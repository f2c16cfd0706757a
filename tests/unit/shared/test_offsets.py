"""Offsets are committed in the background: the newest ones, at intervals, and never discarded ones."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.offsets import OffsetCommits
from tests.support.eventually import eventually

ONE, TWO = TopicPartition("t", 0), TopicPartition("t", 1)
Offsets = dict[TopicPartition, int]


@dataclass
class Kafka:
    """A consumer that records committed offsets. `unavailable` requests fail."""

    owned: set[TopicPartition] = field(default_factory=lambda: {ONE, TWO})
    commits: list[Offsets] = field(default_factory=list)
    unavailable: int = 0
    answers: Callable[[], object] = lambda: None

    def assignment(self) -> set[TopicPartition]:
        return self.owned

    async def commit(self, offsets: Offsets) -> None:
        self.answers()
        await asyncio.sleep(0)
        if self.unavailable:
            self.unavailable -= 1
            raise ConnectionError
        self.commits.append(offsets)

    @property
    def committed(self) -> Offsets:
        return {partition: offset for each in self.commits for partition, offset in each.items()}


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
def offsets(kafka: Kafka) -> OffsetCommits:
    return OffsetCommits("group", lambda: kafka)


@pytest.fixture
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.messaging.offsets.PAUSE_S", 0.001)


async def test_adding_offsets_does_not_wait_for_kafka(kafka: Kafka, offsets: OffsetCommits) -> None:
    await offsets.add({ONE: 1})
    assert kafka.commits == []
    await eventually(lambda: kafka.committed == {ONE: 1})
    await offsets.close()


async def test_newest_offsets_added_during_a_commit_are_committed_next(
    kafka: Kafka, offsets: OffsetCommits, short_pause: None
) -> None:
    await offsets.add({ONE: 1})
    await eventually(lambda: bool(kafka.commits))
    for offset in range(2, 50):
        await offsets.add({ONE: offset, TWO: 2 * offset})
    await eventually(lambda: kafka.committed == {ONE: 49, TWO: 98})
    assert kafka.commits == [{ONE: 1}, {ONE: 49, TWO: 98}]
    await offsets.close()


async def test_close_commits_pending_offsets_and_later_ones_at_once(kafka: Kafka, offsets: OffsetCommits) -> None:
    await offsets.add({ONE: 1})
    await eventually(lambda: bool(kafka.commits))
    await offsets.add({ONE: 2})  # within the pause
    await offsets.close()
    assert kafka.committed == {ONE: 2}
    await offsets.add({ONE: 3})
    assert kafka.committed == {ONE: 3}


async def test_close_commits_the_offsets_of_a_commit_in_progress(kafka: Kafka, offsets: OffsetCommits) -> None:
    asked = asyncio.Event()
    kafka.answers = asked.set
    await offsets.add({ONE: 1})
    await asked.wait()
    await offsets.close()
    assert kafka.committed == {ONE: 1}


async def test_a_discarded_partition_is_not_committed(kafka: Kafka, offsets: OffsetCommits) -> None:
    await offsets.add({ONE: 9, TWO: 9})
    offsets.discard([ONE])
    await offsets.close()
    assert kafka.committed == {TWO: 9}


async def test_a_partition_of_another_instance_is_not_committed(kafka: Kafka, offsets: OffsetCommits) -> None:
    kafka.owned = {TWO}
    await offsets.add({ONE: 9})
    await offsets.close()
    assert kafka.commits == []


async def test_a_consumer_that_never_started_has_nothing_to_commit(caplog: pytest.LogCaptureFixture) -> None:
    await OffsetCommits("group", lambda: None).close()
    assert not caplog.records


async def test_a_failed_commit_is_replaced_by_the_next(kafka: Kafka, offsets: OffsetCommits, short_pause: None) -> None:
    kafka.unavailable = 1
    await offsets.add({ONE: 1})
    await eventually(lambda: kafka.unavailable == 0)
    await offsets.add({ONE: 2})
    await eventually(lambda: kafka.committed == {ONE: 2})
    await offsets.close()


@given(
    st.lists(
        st.one_of(
            st.dictionaries(st.sampled_from([ONE, TWO]), st.integers(1, 99), min_size=1),
            st.sampled_from([ONE, TWO]),
            st.none(),
        ),
        max_size=12,
    )
)
def test_final_offsets_are_the_last_added_and_not_discarded(steps: list[Offsets | TopicPartition | None]) -> None:
    """None lets the background task run; a partition is discarded."""

    async def run() -> tuple[Offsets, Offsets]:
        kafka = Kafka()
        offsets, wanted = OffsetCommits("group", lambda: kafka), Offsets()
        for step in steps:
            if step is None:
                await asyncio.sleep(0)
            elif isinstance(step, dict):
                await offsets.add(step)
                wanted.update(step)
            else:
                offsets.discard([step])
                wanted.pop(step, None)
        await offsets.close()
        return kafka.committed, wanted

    committed, wanted = asyncio.run(run())
    assert wanted.items() <= committed.items()
