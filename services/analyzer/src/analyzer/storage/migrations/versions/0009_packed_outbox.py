"""The outbox holds several messages of a key in one row."""

from alembic import op

from shared.service.tables import pack_outbox

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for statement in pack_outbox("analyzer"):
        op.execute(statement)
