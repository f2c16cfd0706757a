"""The tables of annotation queues, their tasks, and the annotations of people."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from evaluator.storage.tables import SCHEMA, metadata

annotation_queues = Table(
    "annotation_queues",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("instructions", Text, nullable=False),
    Column("rubric", JSONB, nullable=False),
    Column("annotators", SmallInteger, nullable=False),
    Column("reservation_minutes", SmallInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False, server_default="0"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    UniqueConstraint("project", "environment", "name", name="uq_annotation_queues_name"),
)

annotation_tasks = Table(
    "annotation_tasks",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("queue_id", Uuid, ForeignKey(f"{SCHEMA}.annotation_queues.id"), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    Column("execution_id", Text),
    Column("content", JSONB, nullable=False),
    Column("needed", SmallInteger, nullable=False),
    Column("taken", SmallInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="open"),
    Column("outcome", JSONB, nullable=False, server_default="{}"),
    Column("disputed", ARRAY(Text), nullable=False, server_default="{}"),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", Text),
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("added_by", Text, nullable=False),
    UniqueConstraint("queue_id", "position", name="uq_annotation_tasks_position"),
    UniqueConstraint("queue_id", "digest", name="uq_annotation_tasks_digest"),
    CheckConstraint("state IN ('open', 'agreed', 'disagreement', 'adjudicated')", name="state"),
    CheckConstraint("taken BETWEEN 0 AND needed", name="taken"),
    CheckConstraint("(state = 'adjudicated') = (decided_by IS NOT NULL)", name="decided_by"),
    Index(
        "ix_annotation_tasks_free", "queue_id", "position", postgresql_where=text("state = 'open' AND taken < needed")
    ),
    Index("ix_annotation_tasks_state", "queue_id", "state", "position"),
)
"""`digest` identifies the execution, or the content without one. `taken`: annotations, and reservations that are not
known to have expired. A task that a person lets go of moves to the end: it gets a new `position`."""

annotations = Table(
    "annotations",
    metadata,
    Column("task_id", Uuid, ForeignKey(f"{SCHEMA}.annotation_tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("annotator", Text, primary_key=True),
    Column("queue_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("token", Uuid, nullable=False),
    Column("reserved_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("answers", JSONB(none_as_null=True)),
    Column("blind_answers", JSONB(none_as_null=True)),
    CheckConstraint("state IN ('reserved', 'submitted', 'skipped')", name="state"),
    CheckConstraint("(state = 'submitted') = (answers IS NOT NULL)", name="answers"),
    CheckConstraint("(state = 'reserved') = (ended_at IS NULL)", name="ended"),
    Index("uq_annotations_reserved", "queue_id", "annotator", unique=True, postgresql_where=text("state = 'reserved'")),
    Index("ix_annotations_expires_at", "queue_id", "expires_at", postgresql_where=text("state = 'reserved'")),
    Index(
        "ix_annotations_submitted", "queue_id", "annotator", text("ended_at DESC"),
        postgresql_where=text("state = 'submitted'"),
    ),
)  # fmt: skip
"""What became of a task that a person reserved. An expired reservation is deleted.

`blind_answers`: those before the first correction of a task that had all its annotations. Agreement rests on them.
"""

annotation_corrections = Table(
    "annotation_corrections",
    metadata,
    Column("task_id", Uuid, ForeignKey(f"{SCHEMA}.annotation_tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("annotator", Text, primary_key=True),
    Column("number", SmallInteger, primary_key=True),
    Column("answers", JSONB, nullable=False),
    Column("replaced_at", DateTime(timezone=True), nullable=False),
)
"""What a person answered before a correction."""

annotation_progress = Table(
    "annotation_progress",
    metadata,
    Column("queue_id", Uuid, ForeignKey(f"{SCHEMA}.annotation_queues.id"), primary_key=True),
    Column("annotator", Text, primary_key=True),
    Column("position", BigInteger, nullable=False, server_default="0"),
)
"""Up to which task a person has gone through a queue: none before that is free for the person."""

annotation_outcomes = Table(
    "annotation_outcomes",
    metadata,
    Column("project", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("task_id", Uuid, ForeignKey(f"{SCHEMA}.annotation_tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("execution_id", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("annotators", SmallInteger, nullable=False),
    CheckConstraint("value BETWEEN 0 AND 1", name="value"),
    Index("ix_annotation_outcomes_execution", "project", "environment", "metric", "execution_id"),
)
"""What people think of an execution: consensus or adjudicated ratings, on the scale of 0 to 1."""
