"""Region and confidentiality of the answers that proposals are made from, and whether personal data was found."""

from alembic import op

revision = "0017"
down_revision = "0016"

_FOUND = r"\[(card|email|erased|iban|id|ip|number|phone|secret)\]"
_COLUMNS = {
    "candidates": ("region text", "confidentiality text", "personal boolean NOT NULL DEFAULT false"),
    "failed_answers": ("region text", "confidentiality text"),
    "instruction_runs": ("traces jsonb",),
}


def upgrade() -> None:
    for table, columns in _COLUMNS.items():
        op.execute(f"ALTER TABLE proposer.{table} {', '.join(f'ADD COLUMN {column}' for column in columns)}")
    op.execute(f"UPDATE proposer.candidates SET personal = true WHERE input ~ '{_FOUND}' OR output ~ '{_FOUND}'")


def downgrade() -> None:
    for table, columns in _COLUMNS.items():
        dropped = ", ".join(f"DROP COLUMN {column.split()[0]}" for column in columns)
        op.execute(f"ALTER TABLE proposer.{table} {dropped}")
