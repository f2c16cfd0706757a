"""Tables of messaging and API keys, for the migrations of each service."""

from sqlalchemy import Connection, text

from shared.auth.tables import key_table
from shared.messaging.outbox_schema import outbox_objects
from shared.messaging.tables import messaging_tables
from shared.messaging.topics import PARTITIONS
from shared.runtime.database import metadata_for
from shared.runtime.roles import database_role


def create_messaging_tables(conn: Connection, schema: str) -> None:
    """Create the messaging tables and the copy of the API keys, for a service's first migration.

    Columns that were added later are added by later migrations too, for existing schemas. The outbox is created with
    one message in a row, as it was in the first release: `pack_outbox` replaces it.
    """
    metadata = metadata_for(schema)
    tables = messaging_tables(metadata)
    key_table(metadata)
    metadata.create_all(conn, tables=[table for table in metadata.sorted_tables if table is not tables.outbox])
    for statement in _UNPACKED_OUTBOX:
        conn.execute(text(statement.format(schema=schema)))


_UNPACKED_OUTBOX = (
    """CREATE TABLE {schema}.outbox (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_outbox PRIMARY KEY,
        shard smallint NOT NULL,
        event_id uuid NOT NULL,
        topic text NOT NULL,
        key text NOT NULL,
        headers jsonb NOT NULL,
        payload bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        sent_at timestamptz)""",
    "CREATE INDEX ix_outbox_pending ON {schema}.outbox (shard, id) WHERE sent_at IS NULL",
    # A message is written once and read soon: compression would only cost time.
    "ALTER TABLE {schema}.outbox ALTER COLUMN payload SET STORAGE EXTERNAL",
)


def pack_outbox(schema: str) -> list[str]:
    """Return statements that replace an outbox of single messages by one whose rows hold several.

    Each message that it holds, sent or not, is carried over as a row of its own, with its id and its times.
    """
    tables = (*_PACKED_OUTBOX, *_CARRY_OVER)
    return [
        *(statement.format(schema=schema) for statement in tables),
        *outbox_objects(schema),
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.outbox TO {database_role(schema)}",
        f"GRANT USAGE ON SEQUENCE {schema}.outbox_id_seq TO {database_role(schema)}",
        f"GRANT SELECT ON {schema}.outbox_messages TO {database_role(schema)}",
    ]


_PACKED_OUTBOX = (
    "ALTER TABLE {schema}.outbox RENAME TO outbox_unpacked",
    "ALTER TABLE {schema}.outbox_unpacked RENAME CONSTRAINT pk_outbox TO pk_outbox_unpacked",
    "ALTER INDEX {schema}.ix_outbox_pending RENAME TO ix_outbox_unpacked_pending",
    "ALTER SEQUENCE {schema}.outbox_id_seq RENAME TO outbox_unpacked_id_seq",
    """CREATE TABLE {schema}.outbox (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_outbox PRIMARY KEY,
        shard smallint NOT NULL,
        topic text NOT NULL,
        key text NOT NULL,
        event_ids bytea NOT NULL
            CONSTRAINT ck_outbox_event_ids CHECK (octet_length(event_ids) > 0 AND octet_length(event_ids) % 16 = 0),
        messages bytea NOT NULL,
        sent integer NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT now(),
        sent_at timestamptz,
        set_aside_at timestamptz)""",
    # Written once and read soon: compression would cost more processor time than it saves.
    """ALTER TABLE {schema}.outbox ALTER COLUMN event_ids SET STORAGE EXTERNAL,
        ALTER COLUMN messages SET STORAGE EXTERNAL""",
)
_CARRY_OVER = (
    r"""INSERT INTO {schema}.outbox (id, shard, topic, key, event_ids, messages, created_at, sent_at)
        OVERRIDING SYSTEM VALUE
        SELECT o.id, o.shard, o.topic, o.key, decode(replace(o.event_id::text, '-', ''), 'hex'),
               int4send(octet_length(h.headers)) || int4send(octet_length(o.payload)) || h.headers || o.payload,
               o.created_at, o.sent_at
        FROM {schema}.outbox_unpacked AS o CROSS JOIN LATERAL (
            SELECT coalesce(string_agg(convert_to(pair ->> 0, 'UTF8') || '\x00'::bytea
                                       || convert_to(pair ->> 1, 'UTF8'), '\x00'::bytea ORDER BY at), '') AS headers
            FROM jsonb_array_elements(o.headers) WITH ORDINALITY AS pairs(pair, at)) AS h""",
    """SELECT setval('{schema}.outbox_id_seq', last_value, is_called) FROM {schema}.outbox_unpacked_id_seq""",
    "DROP TABLE {schema}.outbox_unpacked",
    "CREATE INDEX ix_outbox_pending ON {schema}.outbox (shard, id) WHERE sent_at IS NULL AND set_aside_at IS NULL",
    "CREATE INDEX ix_outbox_set_aside ON {schema}.outbox (id) WHERE set_aside_at IS NOT NULL",
)


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


def add_erased_subjects(schema: str) -> list[str]:
    """Return statements that add the tombstones of erased users to an existing schema."""
    return [
        f"""CREATE TABLE {schema}.erased_subjects (
            key text CONSTRAINT pk_erased_subjects PRIMARY KEY,
            erasure_id uuid NOT NULL,
            erased_at timestamptz NOT NULL DEFAULT now())""",
        # UPDATE, which the service does not use, is the right by which it may lock the table.
        f"GRANT SELECT, INSERT, UPDATE ON {schema}.erased_subjects TO {database_role(schema)}",
    ]
