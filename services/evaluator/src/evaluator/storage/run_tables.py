"""The tables of evaluations, their tasks and their reports."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from evaluator.storage.tables import SCHEMA, metadata

bisections = Table(
    "bisections",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("regression_id", Uuid, nullable=False),
    Column("good_digest", Text, nullable=False),
    Column("good", JSONB, nullable=False),
    Column("bad_digest", Text, nullable=False),
    Column("bad", JSONB, nullable=False),
    Column("execution_ids", ARRAY(Text), nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("causation_id", Text),
    Column("traceparent", Text),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("dataset", Text),
    Column("dataset_digest", Text),
    Column("clusters", Integer, nullable=False, server_default="0"),
    Column("ended_at", DateTime(timezone=True)),
    Column("outcome", Text),
    Column("result", JSONB(none_as_null=True)),
    Column("fix_digest", Text),
    Column("used_cases", ARRAY(Text), nullable=False, server_default="{}"),
    CheckConstraint("state IN ('waiting', 'running', 'completed', 'cancelled')", name="state"),
    CheckConstraint("(state = 'completed') = (outcome IS NOT NULL AND result IS NOT NULL)", name="completed"),
    Index("ix_bisections_unfinished", "requested_at", "id", postgresql_where=text("state IN ('waiting', 'running')")),
    Index("ix_bisections_regression", "project", "environment", "regression_id"),
    Index("ix_bisections_fix", "project", "environment", "name", "fix_digest"),
)
"""`clusters`: independent cases that it may use. `used_cases`: digests of those that its probes have asked."""

bisection_probes = Table(
    "bisection_probes",
    metadata,
    Column("bisection_id", Uuid, ForeignKey(f"{SCHEMA}.bisections.id", ondelete="CASCADE"), primary_key=True),
    Column("evaluation_id", Uuid, ForeignKey(f"{SCHEMA}.evaluations.id", ondelete="CASCADE"), primary_key=True),
    Column("hunks", ARRAY(Integer), nullable=False),
    Column("clusters", Integer, nullable=False),
    Column("result", JSONB(none_as_null=True)),
)
"""`result` is the comparison, once the evaluation is completed."""

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("proposal_id", Uuid),
    Column("base_digest", Text),
    Column("base", JSONB(none_as_null=True)),
    Column("digest", Text, nullable=False),
    Column("document", JSONB, nullable=False),
    Column("execution_ids", ARRAY(Text), nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("judges", JSONB, nullable=False, server_default="[]"),
    Column("judge_deadline", DateTime(timezone=True)),
    Column("judges_dropped", Text),
    Column("correlation_id", Text, nullable=False),
    Column("causation_id", Text),
    Column("traceparent", Text),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("dataset", Text),
    Column("dataset_digest", Text),
    Column("excluded", JSONB, nullable=False, server_default="[]"),
    Column("counted", Integer, nullable=False, server_default="0"),
    Column("decided", Boolean, nullable=False, server_default="false"),
    Column("started_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("verdict", Text),
    Column("reason", Text),
    Column("report_digest", Text),
    Column("cases", Integer),
    Column("difference", Float),
    Column("low", Float),
    Column("high", Float),
    Column("bisection_id", Uuid, ForeignKey(f"{SCHEMA}.bisections.id", ondelete="CASCADE")),
    Column("cluster_limit", Integer),
    Column("examples", JSONB, nullable=False, server_default="{}"),
    Column("base_examples", JSONB, nullable=False, server_default="{}"),
    Column("drafted", Boolean, nullable=False, server_default="false"),
    CheckConstraint("state IN ('waiting', 'running', 'completed', 'cancelled')", name="state"),
    CheckConstraint("verdict IN ('pass', 'fail', 'inconclusive')", name="verdict"),
    CheckConstraint("(state = 'completed') = (verdict IS NOT NULL AND report_digest IS NOT NULL)", name="completed"),
    Index("ix_evaluations_unfinished", "requested_at", "id", postgresql_where=text("state IN ('waiting', 'running')")),
    Index("ix_evaluations_ended_at", "ended_at"),
    Index("ix_evaluations_listed", "project", "environment", text("requested_at DESC"), text("id DESC")),
    Index("ix_evaluations_proposal", "proposal_id"),
    Index("ix_evaluations_bisection", "bisection_id", postgresql_where=text("bisection_id IS NOT NULL")),
)
"""With a `bisection_id` it is a probe, on at most `cluster_limit` independent cases."""

evaluation_tasks = Table(
    "evaluation_tasks",
    metadata,
    Column("evaluation_id", Uuid, ForeignKey(f"{SCHEMA}.evaluations.id", ondelete="CASCADE"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("cluster", Integer, nullable=False),
    Column("case_id", Text, nullable=False),
    Column("arm", Text, nullable=False),
    Column("repeat", Integer, nullable=False),
    Column("protected", Boolean, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("token", Uuid),
    Column("worker", Text),
    Column("expires_at", DateTime(timezone=True)),
    Column("answer", JSONB(none_as_null=True)),
    Column("answered_at", DateTime(timezone=True)),
    UniqueConstraint("id"),
    CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answered"),
    CheckConstraint("NOT (open AND answered_at IS NOT NULL)", name="open"),
    Index("ix_evaluation_tasks_open", "evaluation_id", "ordinal", postgresql_where=text("open")),
    Index("ix_evaluation_tasks_unanswered", "evaluation_id", "ordinal", postgresql_where=text("answered_at IS NULL")),
)
"""`open`: a worker may lease the task, or has. A task that is neither open nor answered waits, or is not needed."""

evaluation_reports = Table(
    "evaluation_reports",
    metadata,
    Column("evaluation_id", Uuid, ForeignKey(f"{SCHEMA}.evaluations.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("measurements", JSONB, nullable=False),
    Column("html", Text, nullable=False),
)
"""`content` is canonical JSON: `digest` is that of its bytes."""

direct_usage = Table(
    "direct_usage",
    metadata,
    Column("day", Date, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
)
"""What the direct endpoint has used, by day (UTC)."""

evaluated_proposals = Table(
    "evaluated_proposals",
    metadata,
    Column("proposal_id", Uuid, primary_key=True),
    Column("ended", Boolean, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)
"""Proposals that an event was received of; `ended`: decided or withdrawn, so that no evaluation of it begins."""
