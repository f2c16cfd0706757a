"""Rows of state name the attempt that saved them, so that a state in memory is used only while its row is unchanged."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("ALTER TABLE analyzer.streams ADD COLUMN saved uuid")
    op.execute("ALTER TABLE analyzer.dimension_histories ADD COLUMN saved uuid")


def downgrade() -> None:
    op.execute("ALTER TABLE analyzer.dimension_histories DROP COLUMN saved")
    op.execute("ALTER TABLE analyzer.streams DROP COLUMN saved")
