"""Rename the column of excluded candidates after what it says."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("ALTER TABLE proposer.candidates RENAME COLUMN barred TO is_excluded")


def downgrade() -> None:
    op.execute("ALTER TABLE proposer.candidates RENAME COLUMN is_excluded TO barred")
