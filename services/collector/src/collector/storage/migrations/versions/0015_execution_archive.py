"""The archive of the execution log: files outside of PostgreSQL, and what must be known of them here.

archived_files  one row per Parquet file; written in the transaction that deletes the file's rows from the log
archived_days   what is known of each archived day without its files
"""

from alembic import op

from shared.runtime.roles import database_role

revision = "0015"
down_revision = "0014"

_DDL = (
    """CREATE TABLE collector.archived_files (
        name text CONSTRAINT pk_archived_files PRIMARY KEY,
        kind text NOT NULL CONSTRAINT ck_archived_files_kind CHECK (kind IN ('executions', 'feedback')),
        project text NOT NULL,
        day date NOT NULL,
        columns text[] NOT NULL,
        row_count bigint NOT NULL,
        bytes bigint NOT NULL,
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        archived_at timestamptz NOT NULL DEFAULT now(),
        replaced_at timestamptz)""",
    """CREATE INDEX ix_archived_files_last_at
        ON collector.archived_files (project, kind, last_at) WHERE replaced_at IS NULL""",
    """CREATE INDEX ix_archived_files_replaced_at
        ON collector.archived_files (replaced_at) WHERE replaced_at IS NOT NULL""",
    """CREATE TABLE collector.archived_days (
        project text, environment text, target text, day date, version text,
        executions bigint NOT NULL,
        errors bigint NOT NULL,
        input_tokens bigint NOT NULL,
        output_tokens bigint NOT NULL,
        cost double precision NOT NULL,
        CONSTRAINT pk_archived_days PRIMARY KEY (project, environment, target, day, version))""",
)
_TABLES = ("archived_files", "archived_days")


def upgrade() -> None:
    for statement in _DDL:
        op.execute(statement)
    for table in _TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON collector.{table} TO {database_role('collector')}")


def downgrade() -> None:
    for table in _TABLES:
        op.execute(f"DROP TABLE collector.{table}")
