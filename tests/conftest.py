"""Real servers for tests: each is started once per run, when the first test requests it; each test gets empty contents.

A test that uses one of these fixtures is marked with the name of its server. `make unit` uses the quick profile of
hypothesis, `make soak` the full one, and every other run the default.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path

import pytest
import pytest_socket
import redis
from hypothesis import HealthCheck, settings

from deploy.kafka.topics import create_topics
from ratchet_local.embedded import EmbeddedBroker
from ratchet_local.ports import free_port
from ratchet_local.postgres import FORGETFUL, SMALL, Postgres
from ratchet_local.valkey import Valkey
from shared.messaging.topics import topics
from tests.support.databases import Databases
from tests.support.garbage import collect_garbage
from tests.support.kafka import (
    ApacheKafka,
    admin_client_of,
    create_and_await_acls,
    delete_used_topics_and_groups,
    fetch_jars,
)
from tests.support.memory_folder import memory_folder
from tests.support.requirements import kafka_missing, missing
from tests.support.soak import scaled

_MARKERS = {
    "postgres": {"postgres_server", "durable_postgres"},
    "redis": {"valkey_server", "own_valkey"},
    "kafka": {"kafka_jars"},
}
_TESTS = Path(__file__).parent
_COLLECTION_THRESHOLDS = (10_000, 20, 20)
"""For gc.set_threshold: with Python's own (700, 10, 10), every 12th second of the unit tests is garbage collection."""
_SOCKETLESS = (_TESTS / "unit", _TESTS / "simulation")
_UNTRACED = tuple(_TESTS / folder for folder in ("browser", "e2e", "faults", "simulation"))

# No hypothesis deadline: a busy machine must not fail a property. pytest-timeout and the benchmarks check durations.
for _profile, _examples in {"ratchet-quick": 5, "ratchet-default": 100, "ratchet-full": 1000}.items():
    settings.register_profile(
        _profile, deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=_examples
    )
settings.load_profile(scaled("ratchet-default", "ratchet-full"))


def pytest_configure() -> None:
    """Handle SIGTERM like Ctrl-C, so that the servers are stopped before the run ends."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while tests are collected, and never search what that left: it stays, and there is much.

    Tests then collect more rarely than a service does.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECTION_THRESHOLDS)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the servers that they use, directly or through other fixtures.

    Raises AssertionError for a test id that contains an object's address: it differs between the processes of
    pytest-xdist, which then refuses to start.
    """
    for item in items:
        assert " at 0x" not in item.nodeid, f"give this case an id: {item.nodeid}"
        used = set(getattr(item, "fixturenames", ()))
        for marker, fixtures in _MARKERS.items():
            if used & fixtures:
                item.add_marker(marker)


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Disable network sockets for unit tests and simulations; asyncio's event loop needs Unix sockets."""
    if _below(item, _SOCKETLESS):
        pytest_socket.disable_socket(allow_unix_socket=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """Enable sockets again; after the fixtures, collect the garbage of the test."""
    has_servers = not _below(item, _SOCKETLESS)
    if not has_servers:
        pytest_socket.enable_socket()
    yield
    collect_garbage(item, nextitem, each_test=has_servers)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Disable the coverage tracer for tests that it would only slow down."""
    if not _untraced(pyfuncitem):
        return (yield)
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


def _untraced(test: pytest.Function) -> bool:
    """Return whether to disable the tracer: the test repeats the same lines, or runs the system in subprocesses."""
    generated = getattr(test.obj, "is_hypothesis_test", False)
    return generated or _below(test, _UNTRACED) or test.get_closest_marker("simulation") is not None


def _below(test: pytest.Item, folders: tuple[Path, ...]) -> bool:
    return _is_below(test.path, folders)


@cache
def _is_below(file: Path, folders: tuple[Path, ...]) -> bool:
    """Return whether a file is in one of the folders; remembered, as each test asks three times."""
    return any(file.is_relative_to(folder) for folder in folders)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL with fsync off, in memory where there is enough, for all tests except those of faults."""
    with memory_folder() as in_memory:
        folder = tmp_path_factory.mktemp("postgres")
        server = Postgres((in_memory or folder) / "data", folder / "postgres.log", {**SMALL, **FORGETFUL})
        os.environ["RATCHET_ALLOW_DATA_LOSS"] = "true"  # services refuse such a server otherwise
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def databases(postgres_server: Postgres) -> Databases:
    return Databases(postgres_server)


@pytest.fixture
def postgres_dsn(databases: Databases) -> Iterator[str]:
    """The superuser's DSN of a fresh, empty database."""
    dsn = databases.fresh()
    yield dsn
    databases.drop(dsn)


@pytest.fixture
def migrated_dsn(databases: Databases) -> Iterator[Callable[..., str]]:
    """Return a function that creates a database with the schemas of the named services and returns its
    superuser DSN.
    """
    made: list[str] = []

    def migrated(*services: str) -> str:
        made.append(databases.migrated(*services))
        return made[-1]

    yield migrated
    for dsn in made:
        databases.drop(dsn)


@pytest.fixture
def durable_postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL with full durability for one test, which may kill and restart it."""
    server = Postgres(tmp_path / "postgres", tmp_path / "postgres.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    folder = tmp_path_factory.mktemp("valkey")
    server = Valkey(folder, folder / "valkey.log", free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(valkey_server: Valkey) -> str:
    """The URL of an empty Redis-protocol server."""
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    return valkey_server.url


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey for one test, which may kill it and restart it on the same port."""
    server = Valkey(tmp_path / "valkey", tmp_path / "valkey.log", free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """A new in-memory broker with all topics; a consumer group has one member."""
    broker = EmbeddedBroker({topic.name: topic.partitions for topic in topics()})
    yield broker
    broker.close()


@pytest.fixture
def embedded_kafka(embedded_broker: EmbeddedBroker) -> str:
    """The `host:port` of a new in-memory broker."""
    return embedded_broker.bootstrap


@pytest.fixture(scope="session")
def kafka_jars() -> Path:
    """The folder of Kafka's jars; skips the test if they cannot be fetched."""
    if reason := kafka_missing():
        missing(reason)
    return fetch_jars()


@pytest.fixture(scope="session")
def kafka_server(kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """An Apache Kafka shared by several tests, which must not stop it."""
    server = ApacheKafka(tmp_path_factory.mktemp("kafka"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def kafka_bootstrap(kafka_server: ApacheKafka) -> str:
    """The `host:port` of an Apache Kafka with all topics empty and without consumer groups."""
    admin = admin_client_of(kafka_server)
    delete_used_topics_and_groups(admin)
    create_topics(admin, topics(), replication=1)
    return kafka_server.bootstrap


@pytest.fixture
def own_kafka(kafka_jars: Path, tmp_path: Path) -> Iterator[ApacheKafka]:
    """An Apache Kafka with all topics for one test, which may kill and restart it."""
    server = ApacheKafka(tmp_path / "kafka")
    server.start()
    create_topics(admin_client_of(server), topics(), replication=1)
    yield server
    server.stop()


@pytest.fixture
def secured_kafka(kafka_jars: Path, tmp_path: Path) -> Iterator[ApacheKafka]:
    """An Apache Kafka with SASL passwords (equal to the user names) and the ACLs of deploy/kafka."""
    names = ("admin", "apps", "analyzer", "collector", "console", "evaluator", "gatekeeper", "proposer")
    server = ApacheKafka(tmp_path / "kafka", users={name: name for name in names})
    server.start()
    admin = admin_client_of(server)
    create_topics(admin, topics(), replication=1)
    create_and_await_acls(admin)
    yield server
    server.stop()
