"""The tables of delivery and of keys, for the first migration of each service."""

from alembic.operations import Operations

from shared.messaging.tables import messaging_tables
from shared.runtime.database import metadata_for
from shared.web.key_table import key_table


def create_messaging_tables(op: Operations, schema: str) -> None:
    """Creates outbox, inbox, dead letters, relay leases, subscriptions and the copy of the API keys.

    The later form of these tables is for later migrations: this one never changes.
    """
    metadata = metadata_for(schema)
    messaging_tables(metadata)
    key_table(metadata)
    metadata.create_all(op.get_bind())
    # A message is written once and read soon: without TOAST compression the hot path saves a pass.
    op.execute(f"ALTER TABLE {schema}.outbox ALTER COLUMN payload SET STORAGE EXTERNAL")
