"""Subjects that can't be mistaken for one another; reasons are kept, and bound into the audit by digest."""

from gatekeeper.storage.scripts import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_script("16_subjects")
    run_script("17_reasons")
