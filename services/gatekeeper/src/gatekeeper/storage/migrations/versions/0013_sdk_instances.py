"""Reports of the instances of clients."""

from gatekeeper.storage.scripts import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_sql("sdk_instances")
