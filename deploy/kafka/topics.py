"""Makes Ratchet's topics on a Kafka, and who may write them: `python -m deploy.kafka.topics [--acls]`.

Safe to repeat. Reads RATCHET_KAFKA_BOOTSTRAP and, for SASL PLAIN, RATCHET_KAFKA_USER and
RATCHET_KAFKA_PASSWORD (of a user who may do this). Exit code 0: all is there; 1: what Kafka refused.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from shared.messaging.topics import SERVICES, WRITERS, Topic, dead_letters_of, topics

PRIVATE = frozenset({"feedback.submitted"})
"""Topics that only the collector reads: what users wrote is not scrubbed there yet."""

NEWS = (
    "quality.measured",
    "regression.detected",
    "regression.resolved",
    "proposal.ready",
    "proposal.withdrawn",
    "proposal.decided",
    "prompt.live",
    "loop.halted",
    "loop.resumed",
)
"""What the console listens to, in no group."""

_SECONDS = 30.0


def admin_client(environment: Mapping[str, str]) -> AdminClient:
    """A client for the Kafka that the environment names."""
    config: dict[str, str | int | float | bool] = {"bootstrap.servers": environment["RATCHET_KAFKA_BOOTSTRAP"]}
    if user := environment.get("RATCHET_KAFKA_USER"):
        config |= {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": user,
            "sasl.password": environment.get("RATCHET_KAFKA_PASSWORD", ""),
        }
    return AdminClient(config)


def make_topics(admin: AdminClient, wanted: Iterable[Topic], replication: int) -> None:
    """Create what is missing. What is there already stays as it is. Raises KafkaException."""
    new = [NewTopic(t.name, t.partitions, replication, config=t.config) for t in wanted]
    _settle(admin.create_topics(new, operation_timeout=_SECONDS).values())


def make_acls(admin: AdminClient) -> None:
    """Allow each principal its part; the broker refuses all else. Raises KafkaException."""
    _settle(admin.create_acls(acls(), request_timeout=_SECONDS).values())


def acls() -> list[AclBinding]:
    """Who may do what: a topic's writers write, every service reads, in consumer groups of its own name;
    the console only hears of news."""
    writes = [_allow(writer, name, AclOperation.WRITE) for name in sorted(WRITERS) for writer in WRITERS[name]]
    reads = [
        _allow(service, name, AclOperation.READ)
        for name in sorted(WRITERS)
        for service in SERVICES
        if service == "collector" or name not in PRIVATE
    ]
    parks = [
        _allow(service, dead_letters_of(name), operation)
        for name in sorted(WRITERS)
        for service in SERVICES
        for operation in (AclOperation.WRITE, AclOperation.DESCRIBE)
    ]
    hears = [_allow("console", name, AclOperation.READ) for name in NEWS]
    groups = [_allow_groups(service) for service in SERVICES]
    return [*writes, *reads, *hears, *parks, *groups]


def _allow(service: str, topic: str, operation: AclOperation) -> AclBinding:
    return _binding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, service, operation)


def _allow_groups(service: str) -> AclBinding:
    return _binding(ResourceType.GROUP, f"{service}.", ResourcePatternType.PREFIXED, service, AclOperation.READ)


def _binding(
    kind: ResourceType, name: str, pattern: ResourcePatternType, service: str, operation: AclOperation
) -> AclBinding:
    return AclBinding(kind, name, pattern, f"User:{service}", "*", operation, AclPermissionType.ALLOW)


def _settle(results: Iterable[Future[None]]) -> None:
    for result in results:
        try:
            result.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def main() -> int:
    parser = argparse.ArgumentParser(description="Make Ratchet's topics on a Kafka.")
    parser.add_argument("--replication", type=int, default=1, help="copies of each partition (default 1)")
    parser.add_argument("--acls", action="store_true", help="also make the access rules, one principal a service")
    options = parser.parse_args()
    admin = admin_client(os.environ)
    try:
        make_topics(admin, topics(), options.replication)
        if options.acls:
            make_acls(admin)
    except KafkaException as error:
        print(f"topics: Kafka refused: {error.args[0].str()}", file=sys.stderr)
        return 1
    print(f"topics: {len(topics())} topics are there" + (", with their access rules" if options.acls else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
