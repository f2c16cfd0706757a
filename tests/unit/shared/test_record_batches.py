"""Record batches of one `send`: order, rejections, failures and limits, with an in-memory producer."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import InvalidTopicError, MessageSizeTooLargeError, NotEnoughReplicasError
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from shared.events.message import OutgoingMessage
from shared.messaging.flow_control import NoFlow
from shared.messaging.record_batches import FILLED_BYTES, BatchSender
from shared.messaging.send_result import SendResult

SENT, REFUSED = SendResult.SENT, SendResult.REFUSED
UNANSWERED, NO_ROOM = SendResult.UNANSWERED, SendResult.NO_ROOM


class FakeBatch:
    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes]] = []

    def append(self, *, timestamp: None, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> object:
        self.records.append((key, value))
        return object()

    def close(self) -> None:
        return None


class FakeProducer:
    """Three partitions of every topic. `answer` decides about each batch: None, an error, or "never"."""

    def __init__(self, answer: Callable[[list[tuple[bytes, bytes]]], Any] = lambda _: None) -> None:
        self.log: dict[tuple[str, int], list[tuple[bytes, bytes]]] = defaultdict(list)
        self.batches: list[int] = []
        self._answer = answer

    async def partitions_for(self, topic: str) -> set[int]:
        if topic == "invalid":
            raise InvalidTopicError(topic)
        return {0, 1, 2}

    def create_batch(self) -> FakeBatch:
        return FakeBatch()

    async def send_batch(self, batch: FakeBatch, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        answer = self._answer(batch.records)
        if answer is None:
            log = self.log[topic, partition]
            future.set_result(SimpleNamespace(partition=partition, offset=len(log)))
            log += batch.records
            self.batches.append(len(batch.records))
        elif answer != "never":
            future.set_exception(answer)
        return future


def message(key: str, value: bytes, topic: str = "t") -> OutgoingMessage:
    return OutgoingMessage(topic, key, value, (("h", "v"),))


async def send(producer: FakeProducer, messages: list[OutgoingMessage], flow: Any = None) -> BatchSender:
    deadline = asyncio.get_running_loop().time() + 0.2
    sender = BatchSender(producer, flow or NoFlow(), messages, deadline, 0.1)
    await sender.send()
    return sender


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([1, 1000, 300_000]), st.booleans()), max_size=25))
def test_accepted_messages_are_sent_once_in_order_and_rejection_stops_a_key(
    wanted: list[tuple[int, int, bool]],
) -> None:
    messages = [message(str(key), bytes([number, bad]) * size) for number, (key, size, bad) in enumerate(wanted)]

    def answer(records: list[tuple[bytes, bytes]]) -> Any:
        return MessageSizeTooLargeError() if any(value[1] for _, value in records) else None

    producer = FakeProducer(answer)
    sender = asyncio.run(send(producer, messages))
    refused: set[str] = set()
    for it, (_, _, bad), result in zip(messages, wanted, sender.results, strict=True):
        expected = REFUSED if bad else SENT
        assert result is (UNANSWERED if it.key in refused else expected) or (it.key in refused and result is NO_ROOM)
        refused |= {it.key} if bad else set()
    accepted = [it for it, result in zip(messages, sender.results, strict=True) if result is SENT]
    for key in {it.key for it in messages}:
        logged = [value for log in producer.log.values() for found, value in log if found == key.encode()]
        assert logged == [it.value for it in accepted if it.key == key]
    assert sender.error is None


async def test_messages_share_batches_and_keep_to_the_partition_that_kafka_clients_choose() -> None:
    producer = FakeProducer()
    keys = [f"acme/bot-{number}" for number in range(40)]
    sender = await send(producer, [message(key, b"v") for key in keys * 5])
    assert set(sender.results) == {SENT}
    assert len(producer.batches) == 3
    for (_, partition), log in producer.log.items():
        assert {DefaultPartitioner()(key, [0, 1, 2], []) for key, _ in log} == {partition}


async def test_a_batch_is_bounded() -> None:
    producer = FakeProducer()
    await send(producer, [message("k", b"x" * (FILLED_BYTES // 4)) for _ in range(10)])
    assert producer.batches == [3, 3, 3, 1]


async def test_failed_batch_stops_its_partition() -> None:
    producer = FakeProducer(lambda records: NotEnoughReplicasError() if b"bad" in records[0][1] else None)
    large = b"x" * FILLED_BYTES
    messages = [message("k", large), message("k", b"bad" + large), message("k", large), message("other", b"v", "u")]
    sender = await send(producer, messages)
    assert sender.results == [SENT, UNANSWERED, UNANSWERED, SENT]
    assert isinstance(sender.error, NotEnoughReplicasError)


async def test_missing_response_ends_at_the_deadline() -> None:
    sender = await send(FakeProducer(lambda _: "never"), [message("k", b"v")])
    assert sender.results == [UNANSWERED]
    assert isinstance(sender.error, TimeoutError)


async def test_an_invalid_topic_is_refused_and_no_other() -> None:
    sender = await send(FakeProducer(), [message("k", b"v", "invalid"), message("k", b"v")])
    assert sender.results == [REFUSED, SENT]
    assert sender.error is None


class Room(NoFlow):
    """Room for one message of `k`; records what was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets: list[int] = []
        self.left = 1

    def try_reserve(self, topic: str, size: int) -> bool:
        self.left -= size == 1
        return self.left >= 0 or size != 1

    def record_sent(self, topic: str, partition: int, offset: int, size: int) -> None:
        self.offsets.append(offset)


async def test_key_without_room_waits_alone_and_each_offset_is_reported() -> None:
    flow = Room()
    messages = [message("k", b"1"), message("k", b"2"), message("k", b"long"), message("other", b"long")]
    sender = await send(FakeProducer(), messages, flow)
    assert sender.results == [SENT, NO_ROOM, NO_ROOM, SENT]
    assert len(flow.offsets) == 2


@pytest.mark.parametrize("count", [0, 1])
async def test_few_messages(count: int) -> None:
    assert (await send(FakeProducer(), [message("k", b"v")] * count)).results == [SENT] * count
