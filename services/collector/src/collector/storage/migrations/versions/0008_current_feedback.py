"""Rename the table of current feedback after what it holds."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("ALTER TABLE collector.opinions RENAME TO current_feedback")
    op.execute("ALTER INDEX collector.pk_opinions RENAME TO pk_current_feedback")
    op.execute("ALTER INDEX collector.ix_opinions_updated_at RENAME TO ix_current_feedback_updated_at")


def downgrade() -> None:
    op.execute("ALTER INDEX collector.ix_current_feedback_updated_at RENAME TO ix_opinions_updated_at")
    op.execute("ALTER INDEX collector.pk_current_feedback RENAME TO pk_opinions")
    op.execute("ALTER TABLE collector.current_feedback RENAME TO opinions")
