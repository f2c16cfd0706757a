"""Tables of messaging and API keys, for the migrations of each service."""

from sqlalchemy import Connection, text

from shared.auth.tables import key_table
from shared.messaging.tables import messaging_tables
from shared.messaging.topics import PARTITIONS
from shared.runtime.database import metadata_for
from shared.runtime.roles import database_role


def create_messaging_tables(conn: Connection, schema: str) -> None:
    """Create the messaging tables and the copy of the API keys, for a service's first migration.

    Columns that were added later are added by later migrations too, for existing schemas.
    """
    metadata = metadata_for(schema)
    messaging_tables(metadata)
    key_table(metadata)
    metadata.create_all(conn)
    # A message is written once and read soon: compression would only cost time.
    conn.execute(text(f"ALTER TABLE {schema}.outbox ALTER COLUMN payload SET STORAGE EXTERNAL"))


def add_letter_owners_and_pauses(schema: str) -> list[str]:
    """Return statements that add owners of dead letters and pauses of consumers to an existing schema."""
    return [
        f"ALTER TABLE {schema}.dead_letters ADD COLUMN IF NOT EXISTS project text, "
        "ADD COLUMN IF NOT EXISTS environment text",
        f"ALTER TABLE {schema}.subscriptions ADD COLUMN IF NOT EXISTS paused_at timestamptz, "
        "ADD COLUMN IF NOT EXISTS pause_reason text",
    ]


def add_consumed_positions(schema: str) -> list[str]:
    """Return statements that add consumed positions to an existing schema; they are unknown (NULL) at first."""
    return [
        f"""CREATE TABLE IF NOT EXISTS {schema}.consumed_positions (
            consumer text NOT NULL,
            topic text NOT NULL,
            partition integer NOT NULL,
            next_offset bigint,
            gap_first bigint,
            gap_next bigint,
            gap_lost bigint,
            gap_found_at timestamptz,
            CONSTRAINT pk_consumed_positions PRIMARY KEY (consumer, topic, partition)
            )""",
        f"""INSERT INTO {schema}.consumed_positions (consumer, topic, partition)
            SELECT consumer, topic, partition FROM {schema}.subscriptions
            CROSS JOIN generate_series(0, {PARTITIONS - 1}) AS partition ON CONFLICT DO NOTHING""",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.consumed_positions TO {database_role(schema)}",
    ]
