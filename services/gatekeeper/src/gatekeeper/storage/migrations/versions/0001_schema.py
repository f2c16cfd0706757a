"""The schema: tables of delivery, and the authorisation boundary with its functions, triggers and rights."""

from alembic import op

from gatekeeper.storage.scripts import apply_functions, create_functions, run_sql
from shared.runtime.roles import grant_service
from shared.service.tables import create_messaging_tables

revision = "0001"
down_revision = None

_TABLES = ("identity", "audit", "kill_switch", "registry", "proposals", "grants", "promotion")
_FUNCTIONS = (
    "keys",
    "subjects",
    "sessions",
    "audit",
    "kill_switch",
    "registry",
    "examples",
    "proposals",
    "decisions",
    "grants",
    "rollbacks",
    "promotion",
)


def upgrade() -> None:
    create_messaging_tables(op.get_bind(), "gatekeeper")
    grant_service(op.get_bind(), "gatekeeper")
    create_functions(["text"])
    for tables in _TABLES:
        run_sql(tables)
    apply_functions(_FUNCTIONS)
    run_sql("triggers")
    run_sql("rights")
