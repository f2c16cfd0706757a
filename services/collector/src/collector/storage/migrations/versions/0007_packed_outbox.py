"""The outbox holds several messages of a key in one row."""

from alembic import op

from shared.service.tables import pack_outbox

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    for statement in pack_outbox("collector"):
        op.execute(statement)
