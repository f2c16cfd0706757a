"""The tables of the schema `evaluator` for datasets; those of messaging and API keys."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from shared.auth.tables import key_table
from shared.messaging.tables import erased_subjects_table, messaging_tables
from shared.runtime.database import metadata_for

SCHEMA = "evaluator"

metadata = metadata_for(SCHEMA)
messaging = messaging_tables(metadata)
keys = key_table(metadata)
erased_subjects = erased_subjects_table(metadata)


def key_columns(*names: str) -> list[Column[str]]:
    """Return the columns of a primary key that begins with project and environment."""
    return [Column(name, Text, nullable=False, primary_key=True) for name in ("project", "environment", *names)]


def _in_dataset() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["project", "environment", "dataset"],
        [f"{SCHEMA}.datasets.project", f"{SCHEMA}.datasets.environment", f"{SCHEMA}.datasets.name"],
    )


datasets = Table(
    "datasets",
    metadata,
    *key_columns("name"),
    Column("target", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("licence", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Index("ix_datasets_target", "project", "environment", "target"),
)

cases = Table(
    "cases",
    metadata,
    *key_columns("dataset", "case_id"),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("digest", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("added_by", Text, nullable=False),
    Column("reviewed_at", DateTime(timezone=True)),
    Column("reviewed_by", Text),
    _in_dataset(),
    UniqueConstraint("project", "environment", "dataset", "digest", name="uq_cases_digest"),
    CheckConstraint("state IN ('proposed', 'accepted', 'rejected')", name="state"),
    CheckConstraint("state = 'proposed' OR (reviewed_at IS NOT NULL AND reviewed_by IS NOT NULL)", name="reviewed"),
    Index("ix_cases_position", "project", "environment", "dataset", "position"),
)
"""`document` is the canonical JSON of the whole case; `digest` that of its content, as of `GoldenCase`."""

near_duplicates = Table(
    "near_duplicates",
    metadata,
    *key_columns("dataset", "first", "second"),
    Column("similarity", Float, nullable=False),
    _in_dataset(),
)
"""Pairs of cases with nearly the same input, `first` added before `second`."""

versions = Table(
    "versions",
    metadata,
    *key_columns("dataset"),
    Column("version", Integer, nullable=False, primary_key=True, autoincrement=False),
    Column("target", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("cases", Integer, nullable=False),
    Column("clusters", Integer, nullable=False),
    Column("protected", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("published_by", Text, nullable=False),
    Column("erased_at", DateTime(timezone=True)),
    _in_dataset(),
    Index("ix_versions_digest", "project", "environment", "dataset", "digest"),
    Index("ix_versions_target", "project", "environment", "target", "published_at"),
)
"""Published golden sets: `content` is the file of cases, `manifest` that next to it. A trigger refuses changes, except
that an erasure empties both, once."""

reported_erasures = Table("reported_erasures", metadata, Column("erasure_id", Uuid, primary_key=True))
"""Erasures whose last part was handled: one that is handled later, after a replay, must erase by itself."""
