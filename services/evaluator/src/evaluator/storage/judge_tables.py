"""The tables of judges, of online judging, and of what people say of judged executions."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from evaluator.storage.tables import SCHEMA, key_columns, metadata

judges = Table(
    "judges",
    metadata,
    *key_columns("name"),
    Column("definition", JSONB, nullable=False),
    Column("anchors", JSONB, nullable=False),
    Column("people_metric", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("changed_by", Text, nullable=False),
)

judging_rules = Table(
    "judging_rules",
    metadata,
    *key_columns("target"),
    Column("judge", Text, nullable=False),
    Column("rate", Float, nullable=False),
    Column("stratify_by", Text),
    Column("confidence", Text),
    Column("daily_calls", Integer),
    Column("daily_tokens", BigInteger),
    Column("daily_usd", Float),
    Column("judge_proposals", Boolean, nullable=False, server_default="false"),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("changed_by", Text, nullable=False),
    ForeignKeyConstraint(
        ["project", "environment", "judge"],
        [f"{SCHEMA}.judges.project", f"{SCHEMA}.judges.environment", f"{SCHEMA}.judges.name"],
    ),
)

judgements = Table(
    "judgements",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("judge", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("judged", JSONB(none_as_null=True)),
    Column("subject", Text),
    Column("execution_id", Text),
    Column("case_id", Text),
    Column("segment", Text, nullable=False),
    Column("priority", Float, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("queued_at", DateTime(timezone=True), nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("leased_until", DateTime(timezone=True)),
    Column("judged_at", DateTime(timezone=True)),
    Column("score", Float),
    Column("reason", Text),
    Column("calls", Integer, nullable=False, server_default="0"),
    Column("input_tokens", Integer, nullable=False, server_default="0"),
    Column("output_tokens", Integer, nullable=False, server_default="0"),
    Column("usd", Float),
    Column("evaluation_id", Uuid),
    Column("held_calls", Integer, nullable=False, server_default="0"),
    Column("held_tokens", BigInteger, nullable=False, server_default="0"),
    Column("held_usd", Float),
    CheckConstraint("purpose IN ('online', 'anchor', 'run')", name="purpose"),
    CheckConstraint("state IN ('waiting', 'known', 'unknown', 'dropped')", name="state"),
    CheckConstraint("(state = 'known') = (score IS NOT NULL)", name="score"),
    CheckConstraint("(state = 'waiting') = (judged_at IS NULL)", name="judged_at"),
    CheckConstraint("(state = 'waiting') = (judged IS NOT NULL)", name="judged"),
    Index("ix_judgements_waiting", "queued_at", postgresql_where=text("state = 'waiting'")),
    Index("ix_judgements_digest", "project", "environment", "digest", "judged_at"),
    Index("ix_judgements_target", "project", "environment", "target", "judged_at"),
    Index("ix_judgements_evaluation", "evaluation_id", postgresql_where=text("evaluation_id IS NOT NULL")),
    Index("ix_judgements_execution", "project", "environment", "execution_id"),
)
"""`judged` has the texts while the judgement waits. `subject` is the key of the user whose execution it is.

`held_…`: the most that its calls may use while they run.
"""

judged_opinions = Table(
    "judged_opinions",
    metadata,
    Column("feedback_id", Uuid, primary_key=True),
    Column("project", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("execution_id", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Index("ix_judged_opinions_execution", "project", "environment", "execution_id"),
)
"""What people said of executions that are judged, from 0 to 1."""
