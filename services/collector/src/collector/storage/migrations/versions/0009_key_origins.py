"""Keys of browsers name the origins whose pages may use them."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("ALTER TABLE collector.api_keys ADD COLUMN IF NOT EXISTS origins text[] NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    op.execute("ALTER TABLE collector.api_keys DROP COLUMN origins")
