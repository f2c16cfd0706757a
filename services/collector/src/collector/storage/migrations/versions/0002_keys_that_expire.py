"""Keys may have an end: those of a person's session do."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE collector.api_keys ADD COLUMN IF NOT EXISTS expires_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE collector.api_keys DROP COLUMN expires_at")
