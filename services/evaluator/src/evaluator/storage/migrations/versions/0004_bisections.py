"""Bisections: their probes are evaluations on a part of the golden set."""

from alembic import op

revision = "0004"
down_revision = "0003"

_STATEMENTS = (
    """CREATE TABLE evaluator.bisections (
       id UUID NOT NULL,
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       target TEXT NOT NULL,
       name TEXT NOT NULL,
       regression_id UUID NOT NULL,
       good_digest TEXT NOT NULL,
       good JSONB NOT NULL,
       bad_digest TEXT NOT NULL,
       bad JSONB NOT NULL,
       execution_ids TEXT[] NOT NULL,
       correlation_id TEXT NOT NULL,
       causation_id TEXT,
       traceparent TEXT,
       requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
       state TEXT NOT NULL,
       dataset TEXT,
       dataset_digest TEXT,
       clusters INTEGER DEFAULT '0' NOT NULL,
       ended_at TIMESTAMP WITH TIME ZONE,
       outcome TEXT,
       result JSONB,
       fix_digest TEXT,
       used_cases TEXT[] DEFAULT '{}' NOT NULL,
       CONSTRAINT pk_bisections PRIMARY KEY (id),
       CONSTRAINT ck_bisections_state CHECK (state IN ('waiting', 'running', 'completed', 'cancelled')),
       CONSTRAINT ck_bisections_completed
         CHECK ((state = 'completed') = (outcome IS NOT NULL AND result IS NOT NULL))
       )""",
    """CREATE INDEX ix_bisections_unfinished ON evaluator.bisections (requested_at, id)
       WHERE state IN ('waiting', 'running')""",
    "CREATE INDEX ix_bisections_regression ON evaluator.bisections (project, environment, regression_id)",
    "CREATE INDEX ix_bisections_fix ON evaluator.bisections (project, environment, name, fix_digest)",
    """ALTER TABLE evaluator.evaluations ADD COLUMN bisection_id UUID, ADD COLUMN cluster_limit INTEGER,
       ADD CONSTRAINT fk_evaluations_bisection_id
         FOREIGN KEY (bisection_id) REFERENCES evaluator.bisections (id) ON DELETE CASCADE""",
    "CREATE INDEX ix_evaluations_bisection ON evaluator.evaluations (bisection_id) WHERE bisection_id IS NOT NULL",
    """CREATE TABLE evaluator.bisection_probes (
       bisection_id UUID NOT NULL,
       evaluation_id UUID NOT NULL,
       hunks INTEGER[] NOT NULL,
       clusters INTEGER NOT NULL,
       result JSONB,
       CONSTRAINT pk_bisection_probes PRIMARY KEY (bisection_id, evaluation_id),
       CONSTRAINT fk_bisection_probes_bisection_id
         FOREIGN KEY (bisection_id) REFERENCES evaluator.bisections (id) ON DELETE CASCADE,
       CONSTRAINT fk_bisection_probes_evaluation_id
         FOREIGN KEY (evaluation_id) REFERENCES evaluator.evaluations (id) ON DELETE CASCADE
       )""",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON evaluator.bisections, evaluator.bisection_probes TO ratchet_evaluator",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE evaluator.bisection_probes")
    op.execute("ALTER TABLE evaluator.evaluations DROP COLUMN cluster_limit, DROP COLUMN bisection_id")
    op.execute("DROP TABLE evaluator.bisections")
