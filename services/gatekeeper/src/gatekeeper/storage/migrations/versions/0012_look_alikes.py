"""Digits and punctuation set no two subjects apart; services are not called like people."""

from gatekeeper.storage.scripts import run_script

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_script("look_alikes")
