"""The reasons of reviewers' decisions."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("ALTER TABLE proposer.proposals ADD COLUMN reason text")


def downgrade() -> None:
    op.execute("ALTER TABLE proposer.proposals DROP COLUMN reason")
