"""What calls of judges may use, held in the database while they run, so that all instances keep one budget."""

from alembic import op

revision = "0011"
down_revision = "0010"

_COLUMNS = {
    "held_calls": "INTEGER DEFAULT '0' NOT NULL",
    "held_tokens": "BIGINT DEFAULT '0' NOT NULL",
    "held_usd": "FLOAT",
}


def upgrade() -> None:
    for name, kind in _COLUMNS.items():
        op.execute(f"ALTER TABLE evaluator.judgements ADD COLUMN {name} {kind}")


def downgrade() -> None:
    for name in _COLUMNS:
        op.execute(f"ALTER TABLE evaluator.judgements DROP COLUMN {name}")
