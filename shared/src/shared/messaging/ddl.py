"""The tables of delivery and of keys, for the first migration of each service."""

from sqlalchemy import Connection, text

from shared.messaging.tables import messaging_tables
from shared.runtime.database import metadata_for
from shared.web.key_table import key_table


def create_messaging_tables(conn: Connection, schema: str) -> None:
    """Creates outbox, inbox, dead letters, relay leases, subscriptions and the copy of the API keys.

    What was added to them since is added by later migrations too, for schemas that stood before.
    """
    metadata = metadata_for(schema)
    messaging_tables(metadata)
    key_table(metadata)
    metadata.create_all(conn)
    # A message is written once and read soon: without TOAST compression the hot path saves a pass.
    conn.execute(text(f"ALTER TABLE {schema}.outbox ALTER COLUMN payload SET STORAGE EXTERNAL"))


def add_letter_owners_and_pauses(schema: str) -> list[str]:
    """The statements that bring a schema of before to dead letters with a project and consumers that can be paused."""
    return [
        f"ALTER TABLE {schema}.dead_letters ADD COLUMN IF NOT EXISTS project text, "
        "ADD COLUMN IF NOT EXISTS environment text",
        f"ALTER TABLE {schema}.subscriptions ADD COLUMN IF NOT EXISTS paused_at timestamptz, "
        "ADD COLUMN IF NOT EXISTS pause_reason text",
    ]
