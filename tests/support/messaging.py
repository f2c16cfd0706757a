"""Delivery without services: example events, a scratch schema with the messaging tables, settings for a bus."""

from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.events import Envelope
from shared.events.base import Event
from shared.events.feedback import FeedbackCreated
from shared.messaging.cloudevents import encode
from shared.messaging.outbox_schema import outbox_objects
from shared.messaging.tables import messaging_tables
from shared.runtime.database import metadata_for
from shared.runtime.settings import ServiceSettings
from shared.testing.bus import FakeRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = "scratch"


class ScratchSettings(ServiceSettings):
    service: ClassVar[str] = SCHEMA


def feedback(target: str = "bot", value: float = 1.0) -> FeedbackCreated:
    """Return a thumb event."""
    return FeedbackCreated(
        project="acme",
        environment="production",
        target=target,
        feedback_id=uuid4(),
        kind="thumb",
        value=value,
        occurred_at=NOW,
        received_at=NOW,
    )


def envelope(event: Event | None = None, event_id: UUID | None = None) -> Envelope[Event]:
    """Return an envelope of `event`, or of a thumb, ready for the outbox."""
    return Envelope(event_id or uuid4(), NOW, "ratchet/test", event or feedback(), "correlation")


def record(sent: Envelope[Event], offset: int = 0, topic: str | None = None) -> FakeRecord:
    """Return the Kafka record of an envelope in partition 0."""
    message = encode(sent)
    return FakeRecord(topic or message.topic, 0, offset, message.key.encode(), message.value, encoded(message.headers))


def encoded(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value.encode()) for name, value in headers)


def async_dsn(dsn: str) -> str:
    return dsn.replace("postgresql:", "postgresql+asyncpg:", 1)


async def scratch_engine(dsn: str) -> AsyncEngine:
    """Return an engine on a database after creating the messaging tables in the schema `scratch`."""
    engine = create_async_engine(async_dsn(dsn))
    metadata = metadata_for(SCHEMA)
    messaging_tables(metadata)
    async with engine.begin() as conn:
        await conn.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        await conn.run_sync(metadata.create_all)
        for statement in outbox_objects(SCHEMA):
            await conn.execute(text(statement))
    return engine
