"""Keys of browsers name the origins whose pages may use them."""

from alembic import op

from gatekeeper.storage.scripts import apply_functions

revision = "0003"
down_revision = "0002"

_STATEMENTS = (
    "ALTER TABLE gatekeeper.api_keys ADD COLUMN IF NOT EXISTS origins text[] NOT NULL DEFAULT '{}'",
    """ALTER TABLE gatekeeper.api_keys ADD CONSTRAINT ck_api_keys_origins
       CHECK (origins = '{}' OR (scopes = ARRAY['browser-ingest'] AND cardinality(origins) <= 20))""",
    "DROP FUNCTION IF EXISTS gatekeeper.issue_key(text, text, text[], text, text)",
    "DROP FUNCTION IF EXISTS gatekeeper.add_key(gatekeeper.principal, text, timestamptz, text)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    apply_functions(["keys", "sessions"])
