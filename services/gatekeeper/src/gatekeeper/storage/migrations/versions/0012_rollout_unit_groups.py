"""Sums of the arms of rollouts by groups of users or sessions."""

from gatekeeper.storage.scripts import apply_functions, run_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_sql("rollout_unit_groups")
    apply_functions(["rollout_checks"])
