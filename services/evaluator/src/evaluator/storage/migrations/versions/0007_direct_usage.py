"""Calls and tokens of the direct endpoint, by day."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE evaluator.direct_usage (
           day DATE NOT NULL,
           calls BIGINT NOT NULL,
           tokens BIGINT NOT NULL,
           CONSTRAINT pk_direct_usage PRIMARY KEY (day)
           )"""
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON evaluator.direct_usage TO ratchet_evaluator")


def downgrade() -> None:
    op.execute("DROP TABLE evaluator.direct_usage")
