"""Structured fields of the execution log that executions are found by: tokens by kind, currency, tools."""

from alembic import op

revision = "0012"
down_revision = "0011"

_COLUMNS = {
    "cached_input_tokens": "bigint",
    "cache_write_tokens": "bigint",
    "reasoning_tokens": "bigint",
    "total_tokens": "bigint",
    "currency": "text",
    "time_to_first_token_ms": "double precision",
    "tools": "text[]",
}
"""All may be null, so that no row is rewritten."""


def upgrade() -> None:
    added = ", ".join(f"ADD COLUMN {name} {kind}" for name, kind in _COLUMNS.items())
    op.execute(f"ALTER TABLE collector.execution_log {added}")


def downgrade() -> None:
    dropped = ", ".join(f"DROP COLUMN {name}" for name in _COLUMNS)
    op.execute(f"ALTER TABLE collector.execution_log {dropped}")
