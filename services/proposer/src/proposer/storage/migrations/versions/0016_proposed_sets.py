"""The candidates of proposed example sets, and which proposals wait for their evaluation no longer."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("ALTER TABLE proposer.proposals ADD COLUMN members uuid[] NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE proposer.proposals ADD COLUMN is_settled boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE proposer.proposals DROP COLUMN is_settled")
    op.execute("ALTER TABLE proposer.proposals DROP COLUMN members")
