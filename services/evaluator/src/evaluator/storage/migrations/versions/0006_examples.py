"""Few-shot examples of the prompts that an evaluation compares, until it ends."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(
        """ALTER TABLE evaluator.evaluations ADD COLUMN examples JSONB DEFAULT '{}' NOT NULL,
           ADD COLUMN base_examples JSONB DEFAULT '{}' NOT NULL"""
    )


def downgrade() -> None:
    op.execute("ALTER TABLE evaluator.evaluations DROP COLUMN base_examples, DROP COLUMN examples")
