"""Dead letters belong to a project; a consumer stays paused until an operator resumes it."""

from alembic import op

from shared.service.tables import add_letter_owners_and_pauses

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    for statement in add_letter_owners_and_pauses("analyzer"):
        op.execute(statement)
