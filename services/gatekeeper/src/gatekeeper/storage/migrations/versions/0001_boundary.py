"""The tables of delivery, and the boundary: everything that keeps an unauthorised version from going live."""

from alembic import op

from gatekeeper.storage.scripts import run_script
from shared.runtime.roles import grant_service
from shared.service.tables import create_messaging_tables

revision = "0001"
down_revision = None

_PARTS = (
    "01_text",
    "02_keys",
    "03_audit",
    "04_loop",
    "05_registry",
    "06_decisions",
    "07_grants",
    "08_rollouts",
    "09_promotion",
    "10_rights",
)


def upgrade() -> None:
    create_messaging_tables(op.get_bind(), "gatekeeper")
    grant_service(op.get_bind(), "gatekeeper")
    for part in _PARTS:
        run_script(part)
