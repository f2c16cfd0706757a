"""Grants wait for the evaluation that is required for a target."""

from gatekeeper.storage.scripts import apply_functions

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    apply_functions(["evaluations", "grants", "promotion"])
