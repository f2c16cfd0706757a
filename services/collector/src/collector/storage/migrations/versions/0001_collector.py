"""The collector's tables.

receipts    what was taken under which name, so that a repeat is known
executions  the facts that feedback is joined with, by execution and by trace (of root executions)
opinions    the current feedback of each user, source, kind and execution: what the next one replaces
waiting     feedback whose execution has not come yet
served      digests that Ratchet serves itself (from `prompt.live`)
observed    digests seen in use that it does not serve
user_keys   the secret that users are hashed with
"""

from alembic import op

from shared.runtime.roles import grant_service
from shared.service.tables import create_messaging_tables

revision = "0001"
down_revision = None

_DDL = (
    """CREATE TABLE collector.receipts (
        key bytea CONSTRAINT pk_receipts PRIMARY KEY,
        body bytea NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now())""",
    "CREATE INDEX ix_receipts_received_at ON collector.receipts USING brin (received_at)",
    """CREATE TABLE collector.executions (
        reference bytea CONSTRAINT pk_executions PRIMARY KEY,
        trace bytea,
        project text NOT NULL,
        environment text NOT NULL,
        target text NOT NULL,
        facts bytea NOT NULL,
        received_at timestamptz NOT NULL)""",
    "CREATE INDEX ix_executions_trace ON collector.executions (trace) WHERE trace IS NOT NULL",
    "CREATE INDEX ix_executions_received_at ON collector.executions USING brin (received_at)",
    """CREATE TABLE collector.opinions (
        slot bytea CONSTRAINT pk_opinions PRIMARY KEY,
        feedback_id bytea NOT NULL,
        value double precision,
        label text,
        updated_at timestamptz NOT NULL)""",
    "CREATE INDEX ix_opinions_updated_at ON collector.opinions USING brin (updated_at)",
    """CREATE TABLE collector.waiting (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_waiting PRIMARY KEY,
        event_id uuid NOT NULL CONSTRAINT uq_waiting_event_id UNIQUE,
        reference bytea NOT NULL,
        project text NOT NULL,
        environment text NOT NULL,
        payload bytea NOT NULL,
        received_at timestamptz NOT NULL,
        traceparent text)""",
    "CREATE INDEX ix_waiting_reference ON collector.waiting (reference)",
    "CREATE INDEX ix_waiting_received_at ON collector.waiting (received_at)",
    """CREATE TABLE collector.served (
        project text, environment text, name text, digest text,
        CONSTRAINT pk_served PRIMARY KEY (project, environment, name, digest))""",
    """CREATE TABLE collector.observed (
        project text, environment text, name text, digest text,
        documented boolean NOT NULL,
        first_seen timestamptz NOT NULL,
        CONSTRAINT pk_observed PRIMARY KEY (project, environment, name, digest))""",
    """CREATE TABLE collector.user_keys (
        id text CONSTRAINT pk_user_keys PRIMARY KEY,
        secret bytea NOT NULL CONSTRAINT ck_user_keys_bits CHECK (length(secret) = 32),
        created_at timestamptz NOT NULL DEFAULT now())""",
    # What is written once and soon forgotten is not worth compressing on the hot path.
    "ALTER TABLE collector.waiting ALTER COLUMN payload SET STORAGE EXTERNAL",
)


def upgrade() -> None:
    create_messaging_tables(op.get_bind(), "collector")
    for statement in _DDL:
        op.execute(statement)
    grant_service(op.get_bind(), "collector")
