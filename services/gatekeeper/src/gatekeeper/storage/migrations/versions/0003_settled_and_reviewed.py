"""Settled dead letters and reviewed observations are audited; the audit is read by kind and by person."""

from gatekeeper.storage.scripts import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_script("12_settled_and_reviewed")
