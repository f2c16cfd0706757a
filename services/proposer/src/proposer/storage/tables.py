"""The tables of the schema `proposer`, and the key columns of a prompt."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    and_,
    text,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSONB

from proposer.domain.model import PromptKey
from shared.auth.tables import key_table
from shared.messaging.tables import erased_subjects_table, messaging_tables
from shared.runtime.database import metadata_for

SCHEMA = "proposer"

metadata = metadata_for(SCHEMA)
messaging = messaging_tables(metadata)
erased_subjects = erased_subjects_table(metadata)
keys = key_table(metadata)


def _prompt_key(primary_key: bool = False) -> list[Column[str]]:
    names = ("project", "environment", "name")
    return [Column(name, Text, nullable=False, primary_key=primary_key) for name in names]


prompts = Table(
    "prompts",
    metadata,
    *_prompt_key(primary_key=True),
    Column("target", Text, nullable=False),
    Column("live", Text),
    Column("live_sequence", BigInteger, nullable=False, server_default="0"),
    Column("live_examples", JSONB, nullable=False, server_default="{}"),
    Column("live_example_digests", ARRAY(Text), nullable=False, server_default="{}"),
    Column("seen", Text),
    Column("seen_at", DateTime(timezone=True)),
    Column("chosen", ARRAY(Uuid), nullable=False, server_default="{}"),
    Column("chosen_eligible", ARRAY(Uuid), nullable=False, server_default="{}"),
    Column("pool_token", Uuid),
)

documents = Table(
    "documents",
    metadata,
    *_prompt_key(primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("document", JSONB, nullable=False),
    Column("first_seen", DateTime(timezone=True), nullable=False),
)

regressions = Table(
    "regressions",
    metadata,
    Column("regression_id", Uuid, primary_key=True),
    Column("project", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("name", Text),
    Column("revision", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("event", JSONB),
    Column("proposal_id", Uuid),
    Column("reason", Text),
    Column("detail", Text),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("state IN ('open', 'resolved')", name="state"),
    Index("ix_regressions_open", "project", "environment", "name", postgresql_where=text("state = 'open'")),
)

bisections = Table(
    "bisections",
    metadata,
    Column("regression_id", Uuid, primary_key=True),
    Column("good_digest", Text, primary_key=True),
    Column("bad_digest", Text, primary_key=True),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("result", JSONB(none_as_null=True)),
    Column("completed_at", DateTime(timezone=True)),
)
"""`result` is the event `bisection.completed`."""

proposals = Table(
    "proposals",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("content_id", Uuid, nullable=False),
    Column("round", Integer, nullable=False),
    *_prompt_key(),
    Column("target", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("slot", Text),
    Column("regression_id", Uuid),
    Column("base_digest", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("members", ARRAY(Uuid), nullable=False, server_default="{}"),
    Column("is_settled", Boolean, nullable=False, server_default="false"),
    Column("reason", Text),
    CheckConstraint(
        "state IN ('open', 'withdrawn', 'approved', 'rejected', 'changes_requested')", name="state"
    ),
    UniqueConstraint("content_id", "round"),
    Index("ix_proposals_open", "project", "environment", "name", postgresql_where=text("state = 'open'")),
    Index(
        "uq_proposals_open_few_shot", "project", "environment", "name", "slot", unique=True,
        postgresql_where=text("state = 'open' AND kind = 'few_shot'"),
    ),
)  # fmt: skip

candidates = Table(
    "candidates",
    metadata,
    *_prompt_key(primary_key=True),
    Column("feedback_id", Uuid, primary_key=True),
    Column("execution_id", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("digest", Text),
    Column("example_digest", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("input", Text, nullable=False),
    Column("output", Text, nullable=False),
    Column("input_key", Text, nullable=False),
    Column("user", Text),
    Column("contributor", Text),
    Column("author", Text),
    Column("grant_eligible", Boolean, nullable=False, server_default="false"),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("is_excluded", Boolean, nullable=False),  # objected to, or revoked
    Column("corrected", Boolean, nullable=False, server_default="false"),
    Column("approved", Boolean, nullable=False, server_default="false"),
    Column("trusted", Boolean, nullable=False, server_default="false"),
    Column("tokens", Integer, nullable=False, server_default="0"),
    Column("region", Text),
    Column("confidentiality", Text),
    Column("personal", Boolean, nullable=False, server_default="false"),
    Column("embedder", Text),
    Column("embedding", LargeBinary),
    Index(
        "ix_candidates_rank",
        "project",
        "environment",
        "name",
        text("grant_eligible DESC"),
        text("score DESC"),
        "received_at",
        "feedback_id",
        postgresql_where=text("NOT is_excluded"),
    ),
    Index("ix_candidates_execution", "project", "environment", "execution_id"),
    Index("ix_candidates_received_at", "received_at"),
)

objections = Table(
    "objections",
    metadata,
    Column("project", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("execution_id", Text, primary_key=True),
    Column("feedback_id", Uuid, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Index("ix_objections_received_at", "received_at"),
)

revoked_examples = Table(
    "revoked_examples",
    metadata,
    *_prompt_key(primary_key=True),
    Column("example_digest", Text, primary_key=True),
)

measurements = Table(
    "measurements",
    metadata,
    *_prompt_key(primary_key=True),
    Column("identity", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("direction", Text, nullable=False),
    Column("measurement", JSONB, nullable=False),
    Column("window_end", DateTime(timezone=True), nullable=False),
)

metric_declarations = Table(
    "metric_declarations",
    metadata,
    Column("project", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("declared", JSONB, nullable=False),
)
"""`target` is empty for a declaration that applies to all targets."""

tuning_settings = Table(
    "tuning_settings",
    metadata,
    Column("project", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("next_run_at", DateTime(timezone=True)),
)


def key_columns(key: PromptKey) -> dict[str, str]:
    """Return the key columns with their values."""
    return {"project": key.project, "environment": key.environment, "name": key.name}


def matches_key(table: Table, key: PromptKey) -> ColumnElement[bool]:
    """Return the condition that a row of `table` belongs to the prompt."""
    return and_(*(table.c[column] == value for column, value in key_columns(key).items()))


def key_from_row(row: Any) -> PromptKey:
    """Return the prompt that a row or an event is about."""
    return PromptKey(row.project, row.environment, row.name)
