"""Findings of a new kind: streams, and regressions that are based on them, start again.

What the first version remembered of a stream can't answer what is asked now (segments, change points, causes), and half
a memory would be worse than none: measuring begins again with the next value. Emitted events stay emitted.
"""

from alembic import op

from shared.runtime.roles import grant_service

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    "TRUNCATE analyzer.streams, analyzer.regressions",
    "ALTER TABLE analyzer.regressions ADD COLUMN terms json NOT NULL",
    """CREATE TABLE analyzer.courses (
        dimension_id uuid CONSTRAINT pk_courses PRIMARY KEY,
        project text NOT NULL,
        environment text NOT NULL,
        target text NOT NULL,
        metric text NOT NULL,
        state json NOT NULL
    ) WITH (fillfactor = 50)""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    grant_service(op.get_bind(), "analyzer")


def downgrade() -> None:
    op.execute("DROP TABLE analyzer.courses")
    op.execute("ALTER TABLE analyzer.regressions DROP COLUMN terms")
    op.execute("TRUNCATE analyzer.streams, analyzer.regressions")
