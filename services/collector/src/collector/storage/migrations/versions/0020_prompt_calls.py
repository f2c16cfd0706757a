"""Sums over the calls of each version of a prompt, from the events of the execution log."""

from alembic import op

from shared.runtime.roles import database_role

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE collector.prompt_calls (
            project text,
            environment text,
            name text,
            identity text,
            calls bigint NOT NULL,
            outcomes bigint NOT NULL,
            successes bigint NOT NULL,
            token_calls bigint NOT NULL,
            tokens bigint NOT NULL,
            timed_calls bigint NOT NULL,
            latency_ms double precision NOT NULL,
            first_at timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            received_at timestamptz NOT NULL,
            CONSTRAINT pk_prompt_calls PRIMARY KEY (project, environment, name, identity))"""
    )
    op.execute("CREATE INDEX ix_prompt_calls_received_at ON collector.prompt_calls (received_at)")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON collector.prompt_calls TO {database_role('collector')}")


def downgrade() -> None:
    op.execute("DROP TABLE collector.prompt_calls")
