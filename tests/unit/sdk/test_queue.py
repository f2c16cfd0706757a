"""The send queue: every accepted item takes effect exactly once on any network."""

import json
import marshal
from collections import Counter
from datetime import UTC, datetime
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ratchet.client.batches import Batch, Delivered, Retry, Split
from ratchet.client.known_documents import MANY_DOCUMENTS, KnownDocuments
from ratchet.client.queue import SendQueue
from ratchet.client.recorded_items import RecordedItem, Route, UnencodedItem
from ratchet.client.used_prompts import UsedPrompt
from ratchet.prompt import from_text
from tests.support.soak import scaled

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ROUTES: list[Route] = ["executions", "feedback"]
FATES = st.sampled_from(
    ["accepted", "lost before", "lost after", "too large", "refused one", "failed one", "failed all"]
)


def queue(**settings: Any) -> SendQueue:
    keys = count()
    values = {"capacity": 100, "batch_size": 4, "batch_bytes": 10_000, "capacity_bytes": 10**6, **settings}
    return SendQueue(**values, new_key=lambda: f"key-{next(keys)}", pause=float)


def recorded_item(number: int, route: Route = "executions", documents: tuple[UsedPrompt, ...] = ()) -> RecordedItem:
    body = {"id": str(number), "prompts": [{"name": use.name, "digest": use.digest} for use in documents]}
    return RecordedItem(route, str(number), json.dumps(body).encode(), documents)


def unencoded(number: int, route: Route) -> UnencodedItem:
    return UnencodedItem(route, str(number), marshal.dumps({"id": str(number), "prompts": []}), NOW)


def encode_some(sending: SendQueue, most: int = 2) -> None:
    for taken in sending.pop_unencoded(most):
        sending.put_encoded(taken, taken.encode())


class Server:
    """Accepts each key once, like the collector."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.effects: Counter[str] = Counter()

    def accept(self, batch: Batch) -> None:
        if batch.key not in self.bodies:
            self.effects.update(body["id"] for body in json.loads(batch.body))
        assert self.bodies.setdefault(batch.key, batch.body) == batch.body


@given(st.lists(st.sampled_from([*ROUTES, "encode"]) | FATES, max_size=60), st.lists(FATES, max_size=200))
@settings(max_examples=scaled(200, 200, unit=50))
def test_every_accepted_item_takes_effect_exactly_once(steps: list[str], fates: list[str]) -> None:
    sending, server, refused = queue(), Server(), set()
    accepted: list[str] = []
    now = 0.0

    def send(fate: str) -> None:
        batch = sending.next(now)
        if batch is None:
            return
        if fate == "lost before":
            sending.apply(batch, Retry("gone"), now)
        elif fate == "lost after":
            server.accept(batch)
            sending.apply(batch, Retry("gone"), now)
        elif fate == "too large" and len(batch.items) > 1 and batch.key not in server.bodies:
            sending.apply(batch, Split(), now)
        elif fate == "failed one" and batch.key not in server.bodies:
            sending.apply(batch, Delivered(repeat=(0,)), now)
            server.effects.update(taken.id for taken in batch.items[1:])
        elif fate == "failed all" and batch.key not in server.bodies:
            sending.apply(batch, Delivered(repeat=tuple(range(len(batch.items)))), now)
        elif fate == "refused one" and batch.key not in server.bodies:
            refused.add(batch.items[0].id)
            sending.apply(batch, Delivered(refused=((0, "no"),)), now)
            server.effects.update(taken.id for taken in batch.items[1:])
        else:
            server.accept(batch)
            sending.apply(batch, Delivered(), now)

    for number, step in enumerate(steps):
        if step in ("executions", "feedback"):
            make = recorded_item if number % 3 else unencoded
            if sending.offer(make(number, step)):  # type: ignore[arg-type]
                accepted.append(str(number))
        elif step == "encode":
            encode_some(sending)
        else:
            send(step)
        now += 1
    for fate in [*fates, *["accepted"] * 200]:
        now += 1000
        encode_some(sending)
        send(fate)

    assert sending.pending == 0
    assert server.effects == Counter(set(accepted) - refused)
    counters = sending.counters
    assert (counters.accepted, counters.sent, counters.refused) == (
        len(accepted),
        len(accepted) - len(refused),
        len(refused),
    )


@given(st.integers(1, 20), st.integers(0, 60))
def test_a_full_queue_keeps_what_it_has_and_counts_what_it_drops(capacity: int, offered: int) -> None:
    sending = queue(capacity=capacity)
    taken = [sending.offer(recorded_item(number)) for number in range(offered)]
    assert taken == [number < capacity for number in range(offered)]
    assert sending.counters.dropped == max(0, offered - capacity)
    assert sending.pending == min(offered, capacity)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_batches_keep_to_their_size_unless_one_item_is_larger(sizes: list[int]) -> None:
    sending = queue(batch_bytes=500)
    for number, size in enumerate(sizes):
        sending.offer(RecordedItem("executions", str(number), b'"' + b"x" * size + b'"'))
    sent: list[str] = []
    while (batch := sending.next(0.0)) is not None:
        assert len(batch.items) <= 4
        assert sum(len(taken.encoded) for taken in batch.items) <= 500 or len(batch.items) == 1
        sent += [taken.id for taken in batch.items]
        sending.apply(batch, Delivered(), 0.0)
    assert sent == [str(number) for number in range(len(sizes))]


def test_retry_sends_the_same_batch_after_an_increasing_pause() -> None:
    sending = queue()
    sending.offer(recorded_item(1))
    first = sending.next(0.0)
    assert first is not None
    sending.apply(first, Retry("gone"), 10.0)
    assert (sending.next(10.5), sending.due()) == (None, 11.0)
    sending.offer(recorded_item(2))
    assert sending.next(11.0) is first
    sending.apply(first, Retry("gone"), 11.0)
    assert sending.due() == 13.0
    sending.apply(first, Retry("busy", after=60), 13.0)
    assert sending.due() == 73.0
    sending.apply(first, Retry("now", after=0), 73.0)
    assert sending.due() == 77.0, "a failure without Retry-After causes a pause"


def test_a_failing_route_does_not_delay_the_other() -> None:
    sending = queue()
    sending.offer(recorded_item(1, "executions"))
    blocked = sending.next(0.0)
    assert blocked is not None
    sending.apply(blocked, Retry("gone"), 0.0)
    sending.offer(recorded_item(2, "feedback"))
    other = sending.next(0.5)
    assert other is not None
    assert other.route == "feedback"


def test_a_busy_route_does_not_hold_up_the_other() -> None:
    sending = queue(batch_size=1)
    for number in range(3):
        sending.offer(recorded_item(number, "executions"))
        sending.offer(recorded_item(number, "feedback"))
    sent: list[str] = []
    while (batch := sending.next(0.0)) is not None:
        sent.append(batch.route)
        sending.apply(batch, Delivered(), 0.0)
    assert sent == ["executions", "feedback"] * 3


def documents_in(batch: Batch | None) -> list[str]:
    assert batch is not None
    return [prompt["digest"] for body in json.loads(batch.body) for prompt in body["prompts"] if "document" in prompt]


def test_document_is_sent_once_per_batch_until_delivered() -> None:
    prompt = from_text("Hello")
    use = UsedPrompt("answer", prompt.digest, prompt)
    sending = queue(batch_size=2)
    for number in range(6):
        sending.offer(recorded_item(number, documents=(use,)))
    for outcome in (Retry("gone"), Delivered(refused=((0, "no"),)), Delivered()):
        batch = sending.next(100.0)
        assert batch is not None
        assert documents_in(batch) == [prompt.digest]
        sending.apply(batch, outcome, 0.0)
    assert documents_in(sending.next(100.0)) == []


def with_default(number: int, size: int) -> RecordedItem:
    prompt = from_text("x" * size + str(number))
    return recorded_item(number, documents=(UsedPrompt("answer", prompt.digest, prompt),))


def test_pending_documents_count_once() -> None:
    sending = queue(capacity_bytes=20_000)
    assert [sending.offer(with_default(0, 9_000)) for _ in range(20)] == [True] * 20, "one document for all"
    assert [sending.offer(with_default(number, 9_000)) for number in range(1, 4)] == [False] * 3
    while (batch := sending.next(0.0)) is not None:
        sending.apply(batch, Delivered(), 0.0)
    assert [sending.offer(with_default(number, 9_000)) for number in range(4)] == [True, True, False, False]


def test_documents_count_for_the_size_of_a_batch() -> None:
    sending = queue(batch_bytes=10_000)
    for number in range(4):
        sending.offer(with_default(number // 2, 6_000))
    sizes: list[int] = []
    while (batch := sending.next(0.0)) is not None:
        sizes.append(len(batch.items))
        sending.apply(batch, Delivered(), 0.0)
    assert sizes == [2, 2]


def test_known_documents_do_not_count_for_a_batch() -> None:
    sending = queue(batch_bytes=10_000)
    for number in range(4):
        sending.offer(with_default(number, 6_000))
    while (batch := sending.next(0.0)) is not None:
        sending.apply(batch, Delivered(), 0.0)
    for number in range(4):
        sending.offer(with_default(number, 6_000))
    known = sending.next(0.0)
    assert known is not None
    assert len(known.items) == 4


def test_abandoned_items_are_counted() -> None:
    sending = queue()
    for number in range(3):
        sending.offer(recorded_item(number))
    sending.next(0.0)
    assert sending.close() == 3
    assert not sending.offer(recorded_item(3))
    assert (sending.pending, sending.counters.abandoned, sending.counters.dropped) == (0, 3, 1)


@given(st.lists(st.integers(1, 60), max_size=40), st.data())
def test_pending_bytes_never_exceed_the_limit(sizes: list[int], data: st.DataObject) -> None:
    sending, waiting = queue(capacity_bytes=100, batch_size=2), 0
    for number, size in enumerate(sizes):
        taken = sending.offer(RecordedItem("executions", str(number), b"x" * size))
        assert taken == (waiting + size <= 100)
        waiting += size * taken
        batch = sending.next(0.0)
        if batch is not None and data.draw(st.booleans()):
            sending.apply(batch, Delivered(), 0.0)
            waiting -= sum(len(sent.encoded) for sent in batch.items)


def test_number_of_known_documents_is_limited() -> None:
    known = KnownDocuments(most=10)
    for number in range(40):
        known.add([UsedPrompt("answer", f"d{number}")])
    assert len(known) == 10
    assert ("d39" in known, "d29" in known) == (True, False)


def test_a_name_with_many_documents_is_reported_once() -> None:
    known = KnownDocuments()
    reported = [known.add([UsedPrompt("answer", f"d{number}"), UsedPrompt("steady", "s")]) for number in range(120)]
    assert [number for number, names in enumerate(reported) if names] == [MANY_DOCUMENTS - 1]
    assert reported[MANY_DOCUMENTS - 1] == ["answer"]


def test_item_on_which_the_server_fails_is_moved_behind_the_others() -> None:
    sending = queue(batch_size=2)
    for number in range(4):
        sending.offer(recorded_item(number))
    first = sending.next(0)
    assert first is not None
    sending.apply(first, Delivered(repeat=(0,)), 0)
    order: list[str | None] = []
    while (batch := sending.next(0)) is not None and len(order) < 4:
        order += [taken.id for taken in batch.items]
        sending.apply(batch, Delivered(), 0)
    assert order == ["2", "3", "0"]
    assert (sending.pending, sending.counters.sent, sending.counters.refused) == (0, 4, 0)
    sending.offer(recorded_item(9))
    last = sending.next(0)
    assert last is not None
    sending.apply(last, Delivered(repeat=(0,)), 0)
    assert sending.next(0) is None, "a batch that failed entirely causes a pause"
