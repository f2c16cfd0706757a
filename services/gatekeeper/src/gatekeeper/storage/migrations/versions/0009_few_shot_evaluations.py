"""Few-shot sets are evaluated; an approval needs it if an admin requires evaluations for the target."""

from gatekeeper.storage.scripts import apply_functions

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    apply_functions(["evaluations"])
