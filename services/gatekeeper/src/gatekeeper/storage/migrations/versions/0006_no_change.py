"""No proposal, decision or rollback leads to what is live already."""

from gatekeeper.storage.scripts import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_script("no_change")
