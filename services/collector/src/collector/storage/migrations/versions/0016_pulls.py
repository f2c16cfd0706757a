"""Pulls from other systems: their state, and which items they have taken.

pulls       one row per configured pull: position, last run, last error, counts
pull_items  hashes of taken items that may be read again, because runs overlap
"""

from alembic import op

from shared.runtime.roles import database_role

revision = "0016"
down_revision = "0015"

_DDL = (
    """CREATE TABLE collector.pulls (
        name text CONSTRAINT pk_pulls PRIMARY KEY,
        kind text NOT NULL,
        project text NOT NULL,
        environment text NOT NULL,
        target text,
        interval_s double precision NOT NULL,
        position timestamptz,
        read_until timestamptz,
        started_at timestamptz,
        succeeded_at timestamptz,
        failed_at timestamptz,
        error_code text,
        error text,
        executions bigint NOT NULL DEFAULT 0,
        feedback bigint NOT NULL DEFAULT 0,
        refused bigint NOT NULL DEFAULT 0,
        changed bigint NOT NULL DEFAULT 0,
        low_reward bigint NOT NULL DEFAULT 0,
        negative_feedback bigint NOT NULL DEFAULT 0,
        refusal text)""",
    """CREATE TABLE collector.pull_items (
        pull text NOT NULL,
        item bytea NOT NULL,
        content bytea NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_pull_items PRIMARY KEY (pull, item))""",
    "CREATE INDEX ix_pull_items_at ON collector.pull_items (pull, at)",
)
_TABLES = ("pulls", "pull_items")


def upgrade() -> None:
    for statement in _DDL:
        op.execute(statement)
    for table in _TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON collector.{table} TO {database_role('collector')}")


def downgrade() -> None:
    for table in _TABLES:
        op.execute(f"DROP TABLE collector.{table}")
