"""Tombstones of erased users."""

from alembic import op

from shared.service.tables import add_erased_subjects

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    for statement in add_erased_subjects("analyzer"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE analyzer.erased_subjects")
