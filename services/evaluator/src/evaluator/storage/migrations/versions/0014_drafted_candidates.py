"""Evaluations of candidates that are no proposals yet."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute("ALTER TABLE evaluator.evaluations ADD COLUMN drafted boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE evaluator.evaluations DROP COLUMN drafted")
