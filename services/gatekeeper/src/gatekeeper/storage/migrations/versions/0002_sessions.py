"""People sign in by one-time links; an admin issues and revokes keys."""

from gatekeeper.storage.scripts import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script("11_sessions")
