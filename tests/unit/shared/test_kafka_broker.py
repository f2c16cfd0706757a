"""What a subscriber asks of Kafka: its group, and how long fetches and sessions may last."""

from collections.abc import Sequence
from typing import Any

import pytest

from shared.events.feedback import FeedbackCreated
from shared.messaging.cloudevents import Received
from shared.messaging.consumer import SubscriptionConsumer
from shared.messaging.flow_control import NoFlow
from shared.messaging.kafka_broker import attach_consumer, new_broker
from shared.messaging.store import Broadcast, Subscription, Tx
from shared.runtime.prometheus_metrics import Metrics
from shared.runtime.settings import ProcessSettings


class Settings(ProcessSettings):
    service = "scratch"


async def ignore(tx: Tx, events: Sequence[Received[Any]]) -> None:
    """Do nothing: no message arrives."""


async def ignore_broadcast(events: Sequence[Received[Any]]) -> None:
    """Do nothing: no message arrives."""


async def process(records: Sequence[Any]) -> None:
    """Do nothing: no message arrives."""


def subscriber(subscription: Subscription | Broadcast, embedded: bool = False, notified: bool = False) -> Any:
    settings = Settings(kafka_bootstrap="127.0.0.1:9", instance="i1", embedded_bus=embedded)
    grouped = isinstance(subscription, Subscription)
    consumer = SubscriptionConsumer("scratch.effects", process, grouped, NoFlow(), Metrics("scratch"), None)
    attach_consumer(new_broker(settings), consumer, subscription, settings, notified)
    return consumer.subscriber


EFFECTS = Subscription("effects", (FeedbackCreated,), ignore)
BROADCAST = Broadcast("effects", (FeedbackCreated,), ignore_broadcast)


def test_subscription_reads_from_the_start_as_a_static_member_of_its_group() -> None:
    found = subscriber(EFFECTS)
    assert (found.group_id, [topic.name for topic in found.topics]) == ("scratch.effects", ["feedback.created"])
    assert found._connection_args["group_instance_id"] == "scratch.effects.i1"
    assert found._connection_args["auto_offset_reset"] == "earliest"


def test_broadcast_reads_new_messages_without_a_group() -> None:
    found = subscriber(BROADCAST)
    assert found.group_id is None
    assert found._connection_args["group_instance_id"] is None
    assert found._connection_args["auto_offset_reset"] == "latest"


def test_embedded_broker_has_no_static_members() -> None:
    assert subscriber(EFFECTS, embedded=True)._connection_args["group_instance_id"] is None


@pytest.mark.parametrize(
    ("embedded", "notified", "wait_ms"), [(False, False, 500), (True, False, 20), (True, True, 5), (False, True, 5)]
)
def test_fetches_wait_less_where_arrivals_are_notified(embedded: bool, notified: bool, wait_ms: int) -> None:
    found = subscriber(EFFECTS, embedded, notified)
    assert found._connection_args["fetch_max_wait_ms"] == wait_ms


@pytest.mark.parametrize("embedded", [False, True])
def test_heartbeats_are_sent_several_times_a_session(embedded: bool) -> None:
    found = subscriber(EFFECTS, embedded)._connection_args
    assert 3 * found["heartbeat_interval_ms"] <= found["session_timeout_ms"]
