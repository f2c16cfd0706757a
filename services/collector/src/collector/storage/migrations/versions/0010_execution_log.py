"""The execution log: accepted executions and their feedback, to be listed, searched and exported.

execution_log    one row per execution; `body` is the whole event, compressed
feedback_log     feedback about these executions
logged_versions  when each version of a prompt was in use, so that a search for it starts there
"""

from alembic import op

from shared.runtime.roles import database_role

revision = "0010"
down_revision = "0009"

_DDL = (
    # Of a row above 512 bytes the body is stored apart, so that filters read small rows only.
    """CREATE TABLE collector.execution_log (
        reference uuid CONSTRAINT pk_execution_log PRIMARY KEY,
        project text NOT NULL,
        environment text NOT NULL,
        target text NOT NULL,
        trace_id text,
        occurred_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        versions text[] NOT NULL,
        model text,
        arm text,
        outcome text,
        user_hash text,
        session text,
        input_tokens bigint,
        output_tokens bigint,
        cost double precision,
        latency_ms double precision,
        scores jsonb NOT NULL,
        body bytea NOT NULL) WITH (toast_tuple_target = 512)""",
    "ALTER TABLE collector.execution_log ALTER COLUMN body SET STORAGE EXTERNAL",
    """CREATE INDEX ix_execution_log_target
        ON collector.execution_log (project, environment, target, occurred_at, reference)""",
    """CREATE INDEX ix_execution_log_occurred_at
        ON collector.execution_log (project, environment, occurred_at, reference)""",
    "CREATE INDEX ix_execution_log_trace_id ON collector.execution_log (trace_id) WHERE trace_id IS NOT NULL",
    """CREATE INDEX ix_execution_log_user_hash
        ON collector.execution_log (user_hash, occurred_at) WHERE user_hash IS NOT NULL""",
    """CREATE INDEX ix_execution_log_session
        ON collector.execution_log (session, occurred_at) WHERE session IS NOT NULL""",
    # Few executions fail, and they are what is looked for.
    """CREATE INDEX ix_execution_log_failed
        ON collector.execution_log (project, environment, target, occurred_at, reference) WHERE outcome <> 'ok'""",
    "CREATE INDEX ix_execution_log_received_at ON collector.execution_log (received_at)",
    """CREATE TABLE collector.feedback_log (
        reference uuid NOT NULL,
        feedback_id uuid NOT NULL,
        project text NOT NULL,
        environment text NOT NULL,
        target text NOT NULL,
        executed_at timestamptz NOT NULL,
        replaces uuid,
        kind text NOT NULL,
        source text NOT NULL,
        key_scope text,
        name text,
        metric text,
        value double precision,
        label text,
        text text,
        user_hash text,
        occurred_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        CONSTRAINT pk_feedback_log PRIMARY KEY (reference, feedback_id))""",
    # In the order of the list of executions: a search by feedback begins here.
    """CREATE INDEX ix_feedback_log_executed_at
        ON collector.feedback_log (project, environment, executed_at, reference, target, metric)""",
    "CREATE INDEX ix_feedback_log_user_hash ON collector.feedback_log (user_hash) WHERE user_hash IS NOT NULL",
    "CREATE INDEX ix_feedback_log_received_at ON collector.feedback_log (received_at)",
    """CREATE TABLE collector.logged_versions (
        project text, environment text, target text, version text,
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        CONSTRAINT pk_logged_versions PRIMARY KEY (project, environment, target, version))""",
)
_TABLES = ("execution_log", "feedback_log", "logged_versions")


def upgrade() -> None:
    for statement in _DDL:
        op.execute(statement)
    for table in _TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON collector.{table} TO {database_role('collector')}")


def downgrade() -> None:
    for table in _TABLES:
        op.execute(f"DROP TABLE collector.{table}")
