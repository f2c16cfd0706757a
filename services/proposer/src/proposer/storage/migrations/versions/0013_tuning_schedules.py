"""When the schedule of a target runs next."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("ALTER TABLE proposer.tuning_settings ADD COLUMN next_run_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE proposer.tuning_settings DROP COLUMN next_run_at")
