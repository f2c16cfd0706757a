"""Tables of pull requests, and of the texts in repositories."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from proposer.storage.tables import metadata

pull_requests = Table(
    "pull_requests",
    metadata,
    Column("proposal_id", Uuid, primary_key=True),
    Column("project", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("forge", Text, nullable=False),
    Column("repository", Text, nullable=False),
    Column("branch", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("is_wanted", Boolean, nullable=False, server_default="true"),
    Column("proposal", JSONB, nullable=False),
    Column("regression", JSONB(none_as_null=True)),
    Column("evaluation", JSONB(none_as_null=True)),
    Column("checks", JSONB, nullable=False, server_default="[]"),
    Column("reason", Text),
    Column("number", BigInteger),
    Column("url", Text),
    Column("base_sha", Text),
    Column("head_sha", Text),
    Column("file_digest", Text),
    Column("body_digest", Text),
    Column("evaluate_until", DateTime(timezone=True), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("token", BigInteger, nullable=False, server_default="0"),
    Column("next_attempt_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("forge", "repository", "branch"),
    CheckConstraint(
        "state IN ('pending', 'stopped', 'unsupported', 'open', 'merged', 'closed', 'withdrawn', 'failed')",
        name="state",
    ),
    Index("ix_pull_requests_next_attempt_at", "next_attempt_at", postgresql_where=text("next_attempt_at IS NOT NULL")),
    Index("ix_pull_requests_listed", "project", "environment", text("created_at DESC"), "proposal_id"),
)
"""`proposal`, `regression` and `evaluation` are events; the proposal has no texts of examples."""

repository_texts = Table(
    "repository_texts",
    metadata,
    Column("project", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("forge", Text, nullable=False),
    Column("repository", Text, nullable=False),
    Column("branch", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("digest", Text),
    Column("base_sha", Text),
    Column("same", Boolean),
    Column("fault", Text),
    Column("checked_at", DateTime(timezone=True)),
    Column("next_check_at", DateTime(timezone=True), nullable=False),
)
"""`digest` is the version in use that the file at `base_sha` was compared with; `same` is None if it can't be."""
