"""Create Ratchet's topics and access rules on a Kafka cluster: `python -m deploy.kafka.topics [--acls]`.

Idempotent. Reads RATCHET_KAFKA_BOOTSTRAP and, for SASL PLAIN, RATCHET_KAFKA_USER and RATCHET_KAFKA_PASSWORD of a
user who may create topics and ACLs. Exit code 0: everything exists; 1: Kafka refused it.
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

PRIVATE = frozenset({"execution.submitted", "feedback.submitted"})
"""Topics that only the collector reads: personal data is not scrubbed there yet."""

CONSOLE_TOPICS = (
    "dataset.published",
    "evaluation.completed",
    "quality.measured",
    "regression.detected",
    "regression.resolved",
    "proposal.ready",
    "proposal.withdrawn",
    "proposal.decided",
    "prompt.live",
    "loop.halted",
    "loop.resumed",
    "rollout.started",
    "rollout.advanced",
    "rollout.concluded",
)
"""Topics that the console reads, without a consumer group."""

_SECONDS = 30.0


def admin_client(environment: Mapping[str, str]) -> AdminClient:
    """Return a client for the cluster in the environment variables."""
    config: dict[str, str | int | float | bool] = {"bootstrap.servers": environment["RATCHET_KAFKA_BOOTSTRAP"]}
    if user := environment.get("RATCHET_KAFKA_USER"):
        config |= {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": user,
            "sasl.password": environment.get("RATCHET_KAFKA_PASSWORD", ""),
        }
    return AdminClient(config)


def create_topics(admin: AdminClient, wanted: Iterable[Topic], replication: int) -> None:
    """Create missing topics; existing ones are not changed. Raises KafkaException."""
    new = [NewTopic(t.name, t.partitions, replication, config=t.config) for t in wanted]
    _await_all(admin.create_topics(new, operation_timeout=_SECONDS).values())


def create_acls(admin: AdminClient) -> None:
    """Create the access rules; the broker refuses everything else. Raises KafkaException."""
    _await_all(admin.create_acls(acls(), request_timeout=_SECONDS).values())


def acls() -> list[AclBinding]:
    """Return the access rules: a topic's writers write it, every service reads in groups that begin with its name.

    The console reads `CONSOLE_TOPICS` only.
    """
    writes = [_allow(writer, name, AclOperation.WRITE) for name in sorted(WRITERS) for writer in WRITERS[name]]
    reads = [
        _allow(service, name, AclOperation.READ)
        for name in sorted(WRITERS)
        for service in SERVICES
        if service == "collector" or name not in PRIVATE
    ]
    dead_letters = [
        _allow(service, dead_letters_of(name), operation)
        for name in sorted(WRITERS)
        for service in SERVICES
        for operation in (AclOperation.WRITE, AclOperation.DESCRIBE)
    ]
    console = [_allow("console", name, AclOperation.READ) for name in CONSOLE_TOPICS]
    groups = [_allow_groups(service) for service in SERVICES]
    return [*writes, *reads, *console, *dead_letters, *groups]


def _allow(service: str, topic: str, operation: AclOperation) -> AclBinding:
    return _binding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, service, operation)


def _allow_groups(service: str) -> AclBinding:
    return _binding(ResourceType.GROUP, f"{service}.", ResourcePatternType.PREFIXED, service, AclOperation.READ)


def _binding(
    kind: ResourceType, name: str, pattern: ResourcePatternType, service: str, operation: AclOperation
) -> AclBinding:
    return AclBinding(kind, name, pattern, f"User:{service}", "*", operation, AclPermissionType.ALLOW)


def _await_all(results: Iterable[Future[None]]) -> None:
    for result in results:
        try:
            result.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def main() -> int:
    """Run the command; return the exit code."""
    parser = argparse.ArgumentParser(description="Create Ratchet's topics on a Kafka cluster.")
    parser.add_argument("--replication", type=int, default=1, help="replicas of each partition (default 1)")
    parser.add_argument("--acls", action="store_true", help="also create access rules, one principal per service")
    options = parser.parse_args()
    admin = admin_client(os.environ)
    try:
        create_topics(admin, topics(), options.replication)
        if options.acls:
            create_acls(admin)
    except KafkaException as error:
        print(f"topics: Kafka refused: {error.args[0].str()}", file=sys.stderr)
        return 1
    print(f"topics: {len(topics())} topics exist" + (", with their access rules" if options.acls else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
