"""The complete service with an embedded broker: posted items arrive on Kafka."""

from collections.abc import Callable

import httpx
from aiokafka import AIOKafkaConsumer

from collector.app import build_app
from collector.settings import CollectorSettings
from tests.support.databases import as_role


async def test_posted_items_arrive_on_kafka(
    migrated_dsn: Callable[..., str], add_key: Callable[..., str], embedded_kafka: str
) -> None:
    dsn = migrated_dsn("collector")
    key = {"Authorization": f"Bearer {add_key(dsn, 'ingest', 'ingest')}"}
    settings = CollectorSettings(
        database_url=as_role(dsn, "ratchet_collector"), kafka_bootstrap=embedded_kafka, embedded_bus=True
    )
    app = build_app(settings)
    consumer = AIOKafkaConsumer(
        "feedback.created", bootstrap_servers=embedded_kafka, auto_offset_reset="earliest", fetch_max_wait_ms=10
    )
    async with (
        app.router.lifespan_context(app),
        consumer,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://collector") as client,
    ):
        await client.post("/v1/executions", json={"id": "e1", "target": "answers"}, headers=key)
        response = await client.post(
            "/v1/feedback", json={"execution_id": "e1", "kind": "thumb", "value": True}, headers=key
        )
        record = await consumer.getone()
        assert response.json()["id"].encode() in record.value
        assert record.key == b"shop/answers"
        assert (await client.get("/health/ready")).status_code == 200
