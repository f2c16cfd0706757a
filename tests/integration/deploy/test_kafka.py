"""The script that creates topics and ACLs, with a real Apache Kafka."""

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from deploy.kafka.topics import create_topics
from shared.messaging.topics import PARTITIONS, topics
from tests.support.eventually import PATIENCE_S, eventually_sync
from tests.support.kafka import ApacheKafka, admin_client_of


def _login(user: str, password: str | None = None) -> dict[str, str]:
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": user,
        "sasl_plain_password": user if password is None else password,
    }


async def _write(server: ApacheKafka, user: str, topic: str, password: str | None = None) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=server.bootstrap, acks="all", **_login(user, password))
    try:
        await producer.start()
        await producer.send_and_wait(topic, b"{}", key=b"default/app")
    finally:
        await producer.stop()


def test_topics_are_created_once(kafka_server: ApacheKafka, kafka_bootstrap: str) -> None:
    admin = admin_client_of(kafka_server)
    create_topics(admin, topics(), replication=1)
    wanted = {topic.name: topic.partitions for topic in topics()}
    assert wanted["prompt.live"] == PARTITIONS

    def partitions() -> dict[str, int]:
        return {name: len(topic.partitions) for name, topic in admin.list_topics(timeout=PATIENCE_S).topics.items()}

    # Topic metadata is visible a moment after the creation.
    eventually_sync(lambda: partitions().items() >= wanted.items())


async def test_message_is_sent_and_received(kafka_bootstrap: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all") as producer:
        await producer.send_and_wait("feedback.created", b"{}", key=b"default/app")
    consumer = AIOKafkaConsumer(
        "feedback.created", bootstrap_servers=kafka_bootstrap, group_id="test.round", auto_offset_reset="earliest"
    )
    async with consumer:
        assert (await consumer.getone()).value == b"{}"


async def test_only_the_gatekeeper_writes_prompt_live(secured_kafka: ApacheKafka) -> None:
    await _write(secured_kafka, "gatekeeper", "prompt.live")
    for other in ("analyzer", "apps", "collector", "evaluator", "proposer"):
        with pytest.raises(TopicAuthorizationFailedError):
            await _write(secured_kafka, other, "prompt.live")
    await _write(secured_kafka, "proposer", "proposal.ready")
    await _write(secured_kafka, "proposer", "prompt.live.dlq")
    with pytest.raises(KafkaError):
        await _write(secured_kafka, "gatekeeper", "prompt.live", password="guessed")


async def test_broker_keeps_port_and_data_over_a_crash(own_kafka: ApacheKafka) -> None:
    async with AIOKafkaProducer(bootstrap_servers=own_kafka.bootstrap, acks="all") as producer:
        await producer.send_and_wait("loop.halted", b"{}")
    own_kafka.kill()
    own_kafka.start()
    consumer = AIOKafkaConsumer("loop.halted", bootstrap_servers=own_kafka.bootstrap, auto_offset_reset="earliest")
    async with consumer:
        assert (await consumer.getone()).value == b"{}"
