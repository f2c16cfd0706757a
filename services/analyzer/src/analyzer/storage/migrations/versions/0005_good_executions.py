"""A regression names good executions too; courses begin to remember some."""

from alembic import op

revision = "0005"
down_revision = "0004"

# Courses are read back exactly as they are written: nothing but the end of each is touched.
_REMEMBER = """UPDATE analyzer.courses
               SET state = CAST(left(CAST(state AS text), -1) || ',[0,[]]]' AS json)"""


def upgrade() -> None:
    op.execute("ALTER TABLE analyzer.regressions ADD COLUMN good text[] NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE analyzer.regressions ALTER COLUMN good DROP DEFAULT")
    op.execute(_REMEMBER)


def downgrade() -> None:
    op.execute("ALTER TABLE analyzer.regressions DROP COLUMN good")
    op.execute("UPDATE analyzer.courses SET state = json_build_array(state -> 0, state -> 1, state -> 2)")
