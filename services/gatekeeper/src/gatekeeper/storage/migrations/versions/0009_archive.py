"""A prompt that is no longer used is archived: it leaves the lists until something goes live under its name."""

from gatekeeper.storage.scripts import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_script("archive")
