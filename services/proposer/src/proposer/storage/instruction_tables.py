"""The tables of drafted instructions: runs, calls of the language model, and answers that users disliked."""

from sqlalchemy import BigInteger, Column, DateTime, Float, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import CheckConstraint

from proposer.storage.tables import metadata

instruction_runs = Table(
    "instruction_runs",
    metadata,
    Column("regression_id", Uuid, primary_key=True),
    Column("base_digest", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text),
    Column("candidates", JSONB, nullable=False, server_default="[]"),
    Column("execution_ids", JSONB, nullable=False, server_default="[]"),
    Column("calls", Integer, nullable=False, server_default="0"),
    Column("form", Integer, nullable=False, server_default="0"),
    Column("next_call_at", DateTime(timezone=True)),
    Column("proposal_id", Uuid),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("traces", JSONB(none_as_null=True)),
    CheckConstraint("source IN ('model', 'clauses')", name="source"),
    CheckConstraint(
        "state IN ('waiting', 'evaluating', 'proposed', 'not_better', 'failed', 'ended')", name="state"
    ),
    Index(
        "ix_instruction_runs_unfinished", "state", "next_call_at",
        postgresql_where=text("state IN ('waiting', 'evaluating')"),
    ),
    Index("ix_instruction_runs_prompt", "project", "environment", "name", "created_at"),
)  # fmt: skip

model_calls = Table(
    "model_calls",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("regression_id", Uuid, nullable=False),
    Column("base_digest", Text, nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("reserved_tokens", BigInteger, nullable=False),
    Column("reserved_usd", Float),
    Column("tokens", BigInteger),
    Column("usd", Float),
    Column("outcome", Text),
    Index("ix_model_calls_begun_at", "begun_at"),
    Index("ix_model_calls_run", "regression_id", "base_digest"),
)
"""One row per request. Until it ends, and for good if its instance dies, what was reserved counts as spent."""

failed_answers = Table(
    "failed_answers",
    metadata,
    Column("project", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("execution_id", Text, primary_key=True),
    Column("user", Text),
    Column("author", Text),
    Column("input", Text, nullable=False),
    Column("output", Text),
    Column("comment", Text),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("region", Text),
    Column("confidentiality", Text),
    Index("ix_failed_answers_received_at", "received_at"),
    Index("ix_failed_answers_newest", "project", "environment", "name", "received_at"),
)
"""Of users who agreed to learning only; kept as long as candidates, where a language model is configured."""
