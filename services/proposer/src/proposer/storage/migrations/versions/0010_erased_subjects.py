"""Tombstones of erased users; candidates name the author of a correction, whose text their output is."""

from alembic import op

from shared.service.tables import add_erased_subjects

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    for statement in add_erased_subjects("proposer"):
        op.execute(statement)
    op.execute("ALTER TABLE proposer.candidates ADD COLUMN author text")


def downgrade() -> None:
    op.execute("ALTER TABLE proposer.candidates DROP COLUMN author")
    op.execute("DROP TABLE proposer.erased_subjects")
