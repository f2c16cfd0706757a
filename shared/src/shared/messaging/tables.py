"""The messaging tables of every service's schema."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB


@dataclass(frozen=True, slots=True)
class MessagingTables:
    """The messaging tables of one schema."""

    outbox: Table
    inbox: Table
    dead_letters: Table
    relay_lease: Table
    subscriptions: Table
    consumed_positions: Table


def messaging_tables(metadata: MetaData) -> MessagingTables:
    """Add the messaging tables to a schema's metadata and return them."""
    return MessagingTables(
        outbox=_outbox(metadata),
        inbox=Table(
            "inbox",
            metadata,
            Column("consumer", Text, primary_key=True),
            Column("event_id", Uuid, primary_key=True),
            _now("received_at"),
        ),
        dead_letters=_dead_letters(metadata),
        relay_lease=Table(
            "relay_lease",
            metadata,
            Column("shard", SmallInteger, primary_key=True, autoincrement=False),
            Column("owner", Text, nullable=False),
            Column("token", BigInteger, nullable=False),
            Column("expires_at", DateTime(timezone=True), nullable=False),
        ),
        subscriptions=Table(
            "subscriptions",
            metadata,
            Column("consumer", Text, primary_key=True),
            Column("topic", Text, primary_key=True),
            Column("paused_at", DateTime(timezone=True)),
            Column("pause_reason", Text),
        ),
        consumed_positions=_consumed_positions(metadata),
    )


def erased_subjects_table(metadata: MetaData) -> Table:
    """Add the tombstones of erased users to a schema's metadata and return them; `key` is `subject_key`."""
    return Table(
        "erased_subjects",
        metadata,
        Column("key", Text, primary_key=True),
        Column("erasure_id", Uuid, nullable=False),
        _now("erased_at"),
    )


def _now(name: str) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def _outbox(metadata: MetaData) -> Table:
    """Return the outbox: messages of one topic and key in a row, see `shared.messaging.packed_messages`.

    `sent`: how many of the row's messages are sent while `sent_at` is NULL. `set_aside_at`: when the relay found that
    it cannot read the row; it does not try again until the column is NULL.
    """
    outbox = Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("shard", SmallInteger, nullable=False),
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("event_ids", LargeBinary, nullable=False),
        Column("messages", LargeBinary, nullable=False),
        Column("sent", Integer, nullable=False, server_default=text("0")),
        _now("created_at"),
        Column("sent_at", DateTime(timezone=True)),
        Column("set_aside_at", DateTime(timezone=True)),
        CheckConstraint("octet_length(event_ids) > 0 AND octet_length(event_ids) % 16 = 0", name="event_ids"),
    )
    pending = text("sent_at IS NULL AND set_aside_at IS NULL")
    Index("ix_outbox_pending", outbox.c.shard, outbox.c.id, postgresql_where=pending)
    Index("ix_outbox_set_aside", outbox.c.id, postgresql_where=text("set_aside_at IS NOT NULL"))
    return outbox


def _consumed_positions(metadata: MetaData) -> Table:
    """Return the table of positions. `next_offset`: NULL if unknown; `gap_…`: the last gap found in the partition."""
    return Table(
        "consumed_positions",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("topic", Text, primary_key=True),
        Column("partition", Integer, primary_key=True, autoincrement=False),
        Column("next_offset", BigInteger),
        Column("gap_first", BigInteger),
        Column("gap_next", BigInteger),
        Column("gap_lost", BigInteger),
        Column("gap_found_at", DateTime(timezone=True)),
    )


def _dead_letters(metadata: MetaData) -> Table:
    return Table(
        "dead_letters",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("consumer", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("offset", BigInteger, nullable=False),
        Column("key", LargeBinary),
        Column("headers", JSONB, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        Column("reason", Text, nullable=False),
        Column("detail", Text, nullable=False),
        Column("project", Text),
        Column("environment", Text),
        Column("status", Text, nullable=False, server_default="parked"),
        _now("parked_at"),
        Column("settled_at", DateTime(timezone=True)),
    )
