"""The AsyncAPI 3 document of the bus, generated from the events by FastStream."""

import json
from typing import Any

from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from shared.events import CATALOG


def document() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of all topics and events, with their JSON schemas."""
    broker = KafkaBroker("kafka:9092")
    for kind, event in sorted(CATALOG.items()):
        broker.publisher(event.topic, title=kind, description=event.__doc__, schema=event)
    specification = AsyncAPI(
        broker,
        title="Ratchet",
        version="1",
        schema_version="3.0.0",
        description="Events of Ratchet: CloudEvents 1.0 in Kafka's binary mode, JSON payloads.",
    )
    described: dict[str, Any] = json.loads(specification.to_specification().to_json())
    return described


if __name__ == "__main__":
    print(json.dumps(document(), indent=1, sort_keys=True))
