"""Runs that draft edits of instructions, the calls of the language model, and answers that users disliked."""

from alembic import op

revision = "0014"
down_revision = "0013"

_TABLES = ("instruction_runs", "model_calls", "failed_answers")
_STATEMENTS = (
    """CREATE TABLE proposer.instruction_runs (
       regression_id UUID NOT NULL,
       base_digest TEXT NOT NULL,
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       name TEXT NOT NULL,
       target TEXT NOT NULL,
       source TEXT NOT NULL,
       state TEXT NOT NULL,
       detail TEXT,
       candidates JSONB NOT NULL DEFAULT '[]',
       execution_ids JSONB NOT NULL DEFAULT '[]',
       calls INTEGER NOT NULL DEFAULT 0,
       form INTEGER NOT NULL DEFAULT 0,
       next_call_at TIMESTAMP WITH TIME ZONE,
       proposal_id UUID,
       created_at TIMESTAMP WITH TIME ZONE NOT NULL,
       changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
       CONSTRAINT pk_instruction_runs PRIMARY KEY (regression_id, base_digest),
       CONSTRAINT ck_instruction_runs_source CHECK (source IN ('model', 'clauses')),
       CONSTRAINT ck_instruction_runs_state
         CHECK (state IN ('waiting', 'evaluating', 'proposed', 'not_better', 'failed', 'ended'))
       )""",
    """CREATE INDEX ix_instruction_runs_unfinished ON proposer.instruction_runs (state, next_call_at)
       WHERE state IN ('waiting', 'evaluating')""",
    """CREATE INDEX ix_instruction_runs_prompt
       ON proposer.instruction_runs (project, environment, name, created_at)""",
    """CREATE TABLE proposer.model_calls (
       id UUID NOT NULL,
       regression_id UUID NOT NULL,
       base_digest TEXT NOT NULL,
       begun_at TIMESTAMP WITH TIME ZONE NOT NULL,
       reserved_tokens BIGINT NOT NULL,
       reserved_usd DOUBLE PRECISION,
       tokens BIGINT,
       usd DOUBLE PRECISION,
       outcome TEXT,
       CONSTRAINT pk_model_calls PRIMARY KEY (id)
       )""",
    "CREATE INDEX ix_model_calls_begun_at ON proposer.model_calls (begun_at)",
    "CREATE INDEX ix_model_calls_run ON proposer.model_calls (regression_id, base_digest)",
    """CREATE TABLE proposer.failed_answers (
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       name TEXT NOT NULL,
       execution_id TEXT NOT NULL,
       "user" TEXT,
       author TEXT,
       input TEXT NOT NULL,
       output TEXT,
       comment TEXT,
       received_at TIMESTAMP WITH TIME ZONE NOT NULL,
       CONSTRAINT pk_failed_answers PRIMARY KEY (project, environment, name, execution_id)
       )""",
    "CREATE INDEX ix_failed_answers_received_at ON proposer.failed_answers (received_at)",
    """CREATE INDEX ix_failed_answers_newest
       ON proposer.failed_answers (project, environment, name, received_at)""",
    *(f"GRANT SELECT, INSERT, UPDATE, DELETE ON proposer.{table} TO ratchet_proposer" for table in _TABLES),
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in _TABLES:
        op.execute(f"DROP TABLE proposer.{table}")
