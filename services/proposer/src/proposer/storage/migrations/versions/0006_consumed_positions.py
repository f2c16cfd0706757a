"""Store the positions of consumers beside the inbox, so that a restored backup is noticed as a gap."""

from alembic import op

from shared.service.tables import add_consumed_positions

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    for statement in add_consumed_positions("proposer"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE proposer.consumed_positions")
