"""Proposals whose base is unknown can't be evaluated, so their approval needs no evaluation."""

from alembic import op

from gatekeeper.storage.scripts import apply_functions

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS gatekeeper.evaluation_rule(text, text, text, text, text)")
    apply_functions(["evaluations"])
