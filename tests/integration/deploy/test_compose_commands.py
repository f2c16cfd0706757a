"""Every command of compose.yaml runs as a process, with a real Kafka configured as in compose.yaml."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from deploy.docker.env import environment
from ratchet_local.postgres import Postgres
from ratchet_local.routes import SERVICES
from tests.support import fork_server
from tests.support.compose import command_of, kafka_settings, load, run_job
from tests.support.databases import Databases
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.fleet import Instance
from tests.support.kafka import ApacheKafka

_ENVIRONMENT = environment()


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = load(_ENVIRONMENT)["services"]
    return found


@pytest.fixture(scope="module")
def kafka(
    services: dict[str, Any], kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApacheKafka]:
    """Kafka as configured in compose.yaml, on the loopback interface."""
    server = ApacheKafka(tmp_path_factory.mktemp("kafka"), overrides=kafka_settings(services["kafka"]["environment"]))
    server.start()
    yield server
    server.stop()


class Host:
    """Maps compose's host names to addresses on this machine."""

    def __init__(self, kafka: ApacheKafka, postgres: Postgres, database: str, redis_url: str) -> None:
        self._names = {
            "kafka:9092": kafka.bootstrap,
            "@postgres:5432/ratchet": f"@/{database}?host={postgres.socket_dir}",
            "redis://redis:6379/0": redis_url,
        }

    def environment(self, service: Mapping[str, Any]) -> dict[str, str]:
        return {name: self._local_value(str(value)) for name, value in service["environment"].items()}

    def _local_value(self, value: str) -> str:
        for name, place in self._names.items():
            value = value.replace(name, place)
        return value


@pytest.fixture
def host(kafka: ApacheKafka, postgres_server: Postgres, databases: Databases, redis_url: str) -> Iterator[Host]:
    dsn = databases.fresh()
    yield Host(kafka, postgres_server, dsn.split("/")[3].split("?")[0], redis_url)
    databases.drop(dsn)


async def test_jobs_run_and_services_start(
    services: dict[str, Any], host: Host, kafka: ApacheKafka, tmp_path: Path
) -> None:
    for _ in range(2):  # jobs are repeatable
        for job in ("topics", *(f"migrate-{name}" for name in SERVICES)):
            printed = run_job(command_of(services[job]), host.environment(services[job]), tmp_path / f"{job}.log")
            assert "password" not in printed.lower()
    bootstrap = services["bootstrap"]
    made = json.loads(run_job(command_of(bootstrap), host.environment(bootstrap), tmp_path / "bootstrap.log"))
    assert set(made) == {"ingest_key", "maker_key", "reviewer_key", "admin_key"}
    with ExitStack() as stack:
        running = [
            Instance(
                name,
                "1",
                tmp_path / f"{name}.log",
                host.environment(services[name]),
                command_of(services[name]),
                fork_server.start,
            )
            for name in (*SERVICES, "console")
        ]
        for instance in running:
            instance.spawn()
            stack.callback(instance.stop)
        for instance in running:
            instance.await_ready()
        # The console's own Kafka user may read only the topics of notifications.
        await eventually(
            lambda: httpx.get(running[-1].url + "/health/ready", timeout=PATIENCE_S).json()["problems"] == []
        )
    await _check_access_of_apps(kafka)
    with pytest.raises(TopicAuthorizationFailedError):
        await _write(kafka.bootstrap, "proposer", _ENVIRONMENT["PROPOSER_PASSWORD"], "prompt.live")


async def _check_access_of_apps(kafka: ApacheKafka) -> None:
    """Apps may write the topics of submissions, on a listener of their own that knows no other user."""
    address, password = f"127.0.0.1:{kafka.apps_port}", _ENVIRONMENT["KAFKA_APPS_PASSWORD"]
    for topic in ("execution.submitted", "feedback.submitted"):
        await _write(address, "apps", password, topic)
    with pytest.raises(TopicAuthorizationFailedError):
        await _write(address, "apps", password, "execution.recorded")
    for bootstrap, user, theirs in (
        (address, "admin", _ENVIRONMENT["KAFKA_ADMIN_PASSWORD"]),
        (kafka.bootstrap, "apps", password),
    ):
        with pytest.raises(KafkaError):
            await _write(bootstrap, user, theirs, "execution.submitted")


async def _write(bootstrap: str, user: str, password: str, topic: str) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_plain_username=user,
        sasl_plain_password=password,
    )
    try:
        await producer.start()
        await producer.send_and_wait(topic, b"{}")
    finally:
        await producer.stop()
