"""Services as processes with real PostgreSQL and real Apache Kafka, started once per test file."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.kafka.topics import create_topics
from ratchet_local.routes import SERVICES
from shared.messaging.topics import topics
from tests.support.databases import Databases
from tests.support.fleet import Fleet
from tests.support.kafka import ApacheKafka, admin_client_of, delete_used_topics_and_groups

MakeFleet = Callable[[], Fleet]


@pytest.fixture(scope="module")
def make_fleet(
    databases: Databases, kafka_server: ApacheKafka, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeFleet]:
    """Return a function that makes a fleet without instances on a new database and empty topics; it is stopped at the
    end.
    """
    made: list[Fleet] = []

    def make() -> Fleet:
        admin = admin_client_of(kafka_server)
        delete_used_topics_and_groups(admin)
        create_topics(admin, topics(), replication=1)
        dsn = databases.migrated(*SERVICES)
        made.append(Fleet(dsn, kafka_server.bootstrap, Path(tmp_path_factory.mktemp("fleet"))))
        return made[-1]

    yield make
    for fleet in made:
        fleet.stop()
        databases.drop(fleet.dsn)
