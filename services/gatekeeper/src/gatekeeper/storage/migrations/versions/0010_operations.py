"""The audit records operators' acts on a service, and declarations of metrics."""

from gatekeeper.storage.scripts import run_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_script("operations")
