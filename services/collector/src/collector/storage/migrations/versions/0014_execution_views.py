"""Saved views of the list of executions: filters and columns under a name."""

from alembic import op

from shared.runtime.roles import database_role

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE collector.execution_views (
            project text, environment text, owner text, name text,
            shared boolean NOT NULL,
            filters jsonb NOT NULL,
            columns text[] NOT NULL,
            updated_at timestamptz NOT NULL,
            CONSTRAINT pk_execution_views PRIMARY KEY (project, environment, owner, name))"""
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON collector.execution_views TO {database_role('collector')}")


def downgrade() -> None:
    op.execute("DROP TABLE collector.execution_views")
