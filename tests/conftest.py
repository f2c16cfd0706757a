"""Real servers for tests, each started once a run and only when a test asks; fresh contents for every test.

A test that uses one of these fixtures gets the marker of its server by itself. `make unit` uses the quick profile of
hypothesis, `make soak` the full one, and every other run the default.
"""

import os
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
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
from tests.support.kafka import ApacheKafka, admin_of, fetch_jars, secure, wipe
from tests.support.requirements import kafka_missing, missing
from tests.support.soak import scaled

_MARKERS = {
    "postgres": {"postgres_server", "durable_postgres"},
    "redis": {"valkey_server", "own_valkey"},
    "kafka": {"kafka_jars"},
}
_TESTS = Path(__file__).parent
_SOCKETLESS = (_TESTS / "unit", _TESTS / "simulation")
_UNTRACED = tuple(_TESTS / folder for folder in ("browser", "e2e", "faults", "simulation"))

# A busy machine makes no property false: time is the business of pytest-timeout and of the benchmarks.
for _profile, _examples in {"ratchet-quick": 20, "ratchet-default": 100, "ratchet-full": 1000}.items():
    settings.register_profile(
        _profile, deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=_examples
    )
settings.load_profile(scaled("ratchet-default", "ratchet-full"))


def pytest_configure() -> None:
    """A run that is told to end ends as by Ctrl-C: its servers must not outlive it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the servers that they use, directly or through other fixtures.

    A name with an object's address differs between the processes of pytest-xdist, which then refuses to start.
    """
    for item in items:
        assert " at 0x" not in item.nodeid, f"give this case an id: {item.nodeid}"
        used = set(getattr(item, "fixturenames", ()))
        for marker, fixtures in _MARKERS.items():
            if used & fixtures:
                item.add_marker(marker)


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Unit tests and simulations reach no network; Unix sockets stay, since asyncio wakes its loop through one."""
    if _below(item, _SOCKETLESS):
        pytest_socket.disable_socket(allow_unix_socket=True)


def pytest_runtest_teardown(item: pytest.Item) -> None:
    if _below(item, _SOCKETLESS):
        pytest_socket.enable_socket()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """The coverage tracer looks away where there is nothing new to see, and much to slow down."""
    if not _untraced(pyfuncitem):
        return (yield)
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


def _untraced(test: pytest.Function) -> bool:
    """Simulations and generated cases repeat lines by the million; whole systems are processes of their own."""
    generated = getattr(test.obj, "is_hypothesis_test", False)
    return generated or _below(test, _UNTRACED) or test.get_closest_marker("simulation") is not None


def _below(test: pytest.Item, folders: Iterable[Path]) -> bool:
    return any(test.path.is_relative_to(folder) for folder in folders)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """PostgreSQL that forgets at a power cut: for all tests but those of faults."""
    folder = tmp_path_factory.mktemp("postgres")
    server = Postgres(folder / "data", folder / "postgres.log", {**SMALL, **FORGETFUL})
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
    """Call it with names of services: the superuser's DSN of a fresh database with their schemas."""
    made: list[str] = []

    def migrated(*services: str) -> str:
        made.append(databases.migrated(*services))
        return made[-1]

    yield migrated
    for dsn in made:
        databases.drop(dsn)


@pytest.fixture
def durable_postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL of the test's own, with all its durability: it may be killed and started again."""
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
    """The address of an empty Redis-protocol server."""
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    return valkey_server.url


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey of the test's own: it may be killed and started again on the same port."""
    server = Valkey(tmp_path / "valkey", tmp_path / "valkey.log", free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """A fresh in-memory broker with all topics: one member a consumer group."""
    broker = EmbeddedBroker({topic.name: topic.partitions for topic in topics()})
    yield broker
    broker.close()


@pytest.fixture
def embedded_kafka(embedded_broker: EmbeddedBroker) -> str:
    """The `host:port` of a fresh in-memory broker."""
    return embedded_broker.bootstrap


@pytest.fixture(scope="session")
def kafka_jars() -> Path:
    """Skips where Kafka's jars can't be had."""
    if reason := kafka_missing():
        missing(reason)
    return fetch_jars()


@pytest.fixture(scope="session")
def kafka_server(kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """A real Apache Kafka that tests share: don't stop it."""
    server = ApacheKafka(tmp_path_factory.mktemp("kafka"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def kafka_bootstrap(kafka_server: ApacheKafka) -> str:
    """The `host:port` of a real Apache Kafka on which all topics are empty and no group remembers anything."""
    admin = admin_of(kafka_server)
    wipe(admin)
    create_topics(admin, topics(), replication=1)
    return kafka_server.bootstrap


@pytest.fixture
def own_kafka(kafka_jars: Path, tmp_path: Path) -> Iterator[ApacheKafka]:
    """An Apache Kafka of the test's own, with all topics: it may be killed and started again."""
    server = ApacheKafka(tmp_path / "kafka")
    server.start()
    create_topics(admin_of(server), topics(), replication=1)
    yield server
    server.stop()


@pytest.fixture
def secured_kafka(kafka_jars: Path, tmp_path: Path) -> Iterator[ApacheKafka]:
    """An Apache Kafka that wants a password (each user's own name) and obeys the access rules of deploy/kafka."""
    names = ("admin", "apps", "analyzer", "collector", "console", "gatekeeper", "proposer")
    server = ApacheKafka(tmp_path / "kafka", users={name: name for name in names})
    server.start()
    admin = admin_of(server)
    create_topics(admin, topics(), replication=1)
    secure(admin)
    yield server
    server.stop()
