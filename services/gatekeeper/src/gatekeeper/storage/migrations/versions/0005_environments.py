"""Environments are a boundary: kill switch, revoked examples and keys belong to one, or to all by a key for all."""

from gatekeeper.storage.scripts import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_script("14_environments")
    run_script("15_kill_switch")
