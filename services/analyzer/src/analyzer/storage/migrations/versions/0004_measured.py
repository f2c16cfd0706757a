"""What was measured, by when it ran: for charts. It begins with the next value."""

from alembic import op

from shared.runtime.roles import grant_service

revision = "0004"
down_revision = "0003"

_STATEMENTS = (
    """CREATE TABLE analyzer.measured (
        dimension_id uuid NOT NULL,
        start bigint NOT NULL,
        seconds smallint NOT NULL,
        stream_id uuid NOT NULL,
        n bigint NOT NULL,
        total bigint NOT NULL,
        squares numeric NOT NULL,
        CONSTRAINT pk_measured PRIMARY KEY (dimension_id, start, seconds, stream_id)
    ) WITH (fillfactor = 80)""",
    "CREATE INDEX ix_measured_start ON analyzer.measured USING brin (start)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    grant_service(op.get_bind(), "analyzer")


def downgrade() -> None:
    op.execute("DROP TABLE analyzer.measured")
