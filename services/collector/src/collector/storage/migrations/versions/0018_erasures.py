"""Erasure of users.

erased_subjects     tombstones: late events of these users are dropped
erasures            one row per request; no user's plain id
erasure_reports     what each service has erased
erasure_counts      what the collector itself has erased so far
erasure_steps       which of its steps are done
erasure_references  executions of the user that were deleted, by their hash; deleted when the collector is done
"""

from alembic import op

from shared.runtime.roles import database_role
from shared.service.tables import add_erased_subjects

revision = "0018"
down_revision = "0017"

_DDL = (
    """CREATE TABLE collector.erasures (
        id uuid CONSTRAINT pk_erasures PRIMARY KEY,
        project text NOT NULL,
        environment text NOT NULL,
        subject text NOT NULL,
        requested_by text NOT NULL,
        key_id text NOT NULL,
        requested_at timestamptz NOT NULL,
        completed_at timestamptz)""",
    "CREATE INDEX ix_erasures_project ON collector.erasures (project, requested_at, id)",
    # A repeated request finds the one that is not complete yet.
    """CREATE UNIQUE INDEX uq_erasures_incomplete ON collector.erasures (project, subject)
        WHERE completed_at IS NULL""",
    """CREATE TABLE collector.erasure_reports (
        erasure_id uuid NOT NULL REFERENCES collector.erasures,
        service text NOT NULL,
        erased jsonb NOT NULL,
        completed_at timestamptz NOT NULL,
        CONSTRAINT pk_erasure_reports PRIMARY KEY (erasure_id, service))""",
    """CREATE TABLE collector.erasure_counts (
        erasure_id uuid NOT NULL REFERENCES collector.erasures,
        kind text NOT NULL,
        erased bigint NOT NULL,
        CONSTRAINT pk_erasure_counts PRIMARY KEY (erasure_id, kind))""",
    """CREATE TABLE collector.erasure_steps (
        erasure_id uuid NOT NULL REFERENCES collector.erasures,
        step text NOT NULL,
        done_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_erasure_steps PRIMARY KEY (erasure_id, step))""",
    """CREATE TABLE collector.erasure_references (
        erasure_id uuid NOT NULL REFERENCES collector.erasures,
        reference uuid NOT NULL,
        CONSTRAINT pk_erasure_references PRIMARY KEY (erasure_id, reference))""",
)
_TABLES = ("erasures", "erasure_reports", "erasure_counts", "erasure_steps", "erasure_references")


def upgrade() -> None:
    for statement in (*add_erased_subjects("collector"), *_DDL):
        op.execute(statement)
    for table in _TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON collector.{table} TO {database_role('collector')}")


def downgrade() -> None:
    for table in (*reversed(_TABLES), "erased_subjects"):
        op.execute(f"DROP TABLE collector.{table}")
