"""Keys of browsers name the origins whose pages may use them."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("ALTER TABLE analyzer.api_keys ADD COLUMN IF NOT EXISTS origins text[] NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    op.execute("ALTER TABLE analyzer.api_keys DROP COLUMN origins")
