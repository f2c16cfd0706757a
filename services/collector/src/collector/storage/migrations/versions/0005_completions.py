"""Executions can be completed: what they were recorded with outside their facts, and how often they were completed."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE collector.executions ADD COLUMN recorded_values bytea, "
        "ADD COLUMN revision integer NOT NULL DEFAULT 1"
    )
