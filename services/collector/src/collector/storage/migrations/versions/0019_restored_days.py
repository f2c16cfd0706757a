"""Days that were loaded back from the archive, and until when they stay in the log."""

from alembic import op

from shared.runtime.roles import database_role

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE collector.restored_days (
            project text,
            day date,
            kept_until timestamptz NOT NULL,
            CONSTRAINT pk_restored_days PRIMARY KEY (project, day))"""
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON collector.restored_days TO {database_role('collector')}")


def downgrade() -> None:
    op.execute("DROP TABLE collector.restored_days")
