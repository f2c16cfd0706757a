"""Feedback of the kind preference has the two outputs that were compared."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("ALTER TABLE collector.feedback_log ADD COLUMN preference jsonb")


def downgrade() -> None:
    op.execute("ALTER TABLE collector.feedback_log DROP COLUMN preference")
