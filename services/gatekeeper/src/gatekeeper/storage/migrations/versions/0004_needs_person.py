"""A grant does not cover new examples that a person has to look at."""

from gatekeeper.storage.scripts import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script("13_needs_person")
