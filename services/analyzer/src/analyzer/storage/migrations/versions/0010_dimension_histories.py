"""Rename the table of histories after the class that it stores."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("ALTER TABLE analyzer.courses RENAME TO dimension_histories")
    op.execute("ALTER INDEX analyzer.pk_courses RENAME TO pk_dimension_histories")


def downgrade() -> None:
    op.execute("ALTER INDEX analyzer.pk_dimension_histories RENAME TO pk_courses")
    op.execute("ALTER TABLE analyzer.dimension_histories RENAME TO courses")
