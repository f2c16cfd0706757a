"""Sending waits for the slowest reader only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_local.bounded_flow import MAX_BYTES, MAX_MESSAGES, BoundedFlow

_HALF = MAX_BYTES // 2


class Now:
    """A clock in seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def _flow(*groups: str, now: Now | None = None) -> BoundedFlow:
    flow = BoundedFlow(lambda _: None, now or Now())
    for group in groups:
        flow.subscribe(group, "t")
    return flow


def test_topic_without_readers_is_never_held_back() -> None:
    flow = _flow()
    for offset in range(10):
        assert flow.try_reserve("t", MAX_BYTES)
        flow.record_sent("t", 0, offset, MAX_BYTES)


def test_messages_in_flight_count_before_their_acknowledgement() -> None:
    flow = _flow("g")
    assert flow.try_reserve("t", _HALF)
    assert flow.try_reserve("t", _HALF)
    assert not flow.try_reserve("t", 1)


def test_sending_waits_for_the_slowest_group() -> None:
    flow = _flow("quick", "slow")
    assert flow.try_reserve("t", MAX_BYTES)
    flow.record_sent("t", 3, 0, MAX_BYTES)
    flow.record_consumed("quick", "t", 3, 1)
    assert not flow.try_reserve("t", MAX_BYTES)
    flow.record_consumed("slow", "t", 3, 1)
    assert flow.try_reserve("t", MAX_BYTES)


def test_many_small_messages_are_bounded_too() -> None:
    flow = _flow("g")
    for offset in range(MAX_MESSAGES):
        assert flow.try_reserve("t", 1)
        flow.record_sent("t", offset % 12, offset // 12, 1)
    assert not flow.try_reserve("t", 1)


def test_single_message_always_fits() -> None:
    assert _flow("g").try_reserve("t", MAX_BYTES * 2)


def test_failed_sends_stop_counting_after_a_while() -> None:
    now = Now()
    flow = _flow("g", now=now)
    assert flow.try_reserve("t", MAX_BYTES)
    now.seconds = 11
    assert flow.try_reserve("t", MAX_BYTES)


def test_gap_is_reported() -> None:
    lost: list[str] = []
    BoundedFlow(lost.append).gap("g", "t", 0, 5, 9)
    assert lost == ["t"]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, MAX_BYTES // 3)), max_size=30), st.data())
def test_unread_bytes_never_exceed_the_limit(messages: list[tuple[int, int]], data: st.DataObject) -> None:
    """For any sequence of sends and reads, the unread bytes of a partition stay below the limit."""

    flow = _flow("g")
    held: dict[int, list[int]] = {0: [], 1: [], 2: []}
    ends = dict.fromkeys(held, 0)
    for partition, size in messages:
        if flow.try_reserve("t", size):
            flow.record_sent("t", partition, ends[partition], size)
            ends[partition] += 1
            held[partition].append(size)
        assert sum(map(sum, held.values())) <= MAX_BYTES
        reader = data.draw(st.integers(0, 2))
        flow.record_consumed("g", "t", reader, ends[reader])
        held[reader].clear()


@pytest.mark.parametrize("partition", [0, 11])
def test_reading_twice_changes_nothing(partition: int) -> None:
    flow = _flow("g")
    assert flow.try_reserve("t", MAX_BYTES)
    flow.record_sent("t", partition, 0, MAX_BYTES)
    flow.record_consumed("g", "t", partition, 1)
    flow.record_consumed("g", "t", partition, 0)
    assert flow.try_reserve("t", MAX_BYTES)
