"""Gradual rollouts under an approved plan."""

from gatekeeper.storage.scripts import apply_functions, run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_sql("rollouts")
    apply_functions(["decisions", "promotion", "rollout_checks", "rollouts"])
    run_sql("rollout_triggers")
