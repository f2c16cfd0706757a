"""Annotation tasks that come back move to the end of their queue; they were marked before."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("DROP INDEX evaluator.ix_annotation_tasks_returned")
    op.execute("ALTER TABLE evaluator.annotation_tasks DROP COLUMN returned")


def downgrade() -> None:
    op.execute("ALTER TABLE evaluator.annotation_tasks ADD COLUMN returned BOOLEAN DEFAULT 'false' NOT NULL")
    op.execute(
        """CREATE INDEX ix_annotation_tasks_returned ON evaluator.annotation_tasks (queue_id, position)
           WHERE state = 'open' AND taken < needed AND returned"""
    )
