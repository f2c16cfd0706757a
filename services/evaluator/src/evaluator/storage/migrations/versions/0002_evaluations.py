"""Evaluations of proposals: runs, their tasks for workers, and their reports."""

from alembic import op

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    """CREATE TABLE evaluator.evaluations (
       id UUID NOT NULL,
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       target TEXT NOT NULL,
       name TEXT NOT NULL,
       proposal_id UUID,
       base_digest TEXT,
       base JSONB,
       digest TEXT NOT NULL,
       document JSONB NOT NULL,
       execution_ids TEXT[] NOT NULL,
       settings JSONB NOT NULL,
       correlation_id TEXT NOT NULL,
       causation_id TEXT,
       traceparent TEXT,
       requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
       state TEXT NOT NULL,
       dataset TEXT,
       dataset_digest TEXT,
       excluded JSONB DEFAULT '[]' NOT NULL,
       counted INTEGER DEFAULT '0' NOT NULL,
       decided BOOLEAN DEFAULT 'false' NOT NULL,
       started_at TIMESTAMP WITH TIME ZONE,
       ended_at TIMESTAMP WITH TIME ZONE,
       verdict TEXT,
       reason TEXT,
       report_digest TEXT,
       cases INTEGER,
       difference FLOAT,
       low FLOAT,
       high FLOAT,
       CONSTRAINT pk_evaluations PRIMARY KEY (id),
       CONSTRAINT ck_evaluations_state CHECK (state IN ('waiting', 'running', 'completed', 'cancelled')),
       CONSTRAINT ck_evaluations_verdict CHECK (verdict IN ('pass', 'fail', 'inconclusive')),
       CONSTRAINT ck_evaluations_completed
         CHECK ((state = 'completed') = (verdict IS NOT NULL AND report_digest IS NOT NULL))
       )""",
    """CREATE INDEX ix_evaluations_unfinished ON evaluator.evaluations (requested_at, id)
       WHERE state IN ('waiting', 'running')""",
    "CREATE INDEX ix_evaluations_ended_at ON evaluator.evaluations (ended_at)",
    """CREATE INDEX ix_evaluations_listed
       ON evaluator.evaluations (project, environment, requested_at DESC, id DESC)""",
    "CREATE INDEX ix_evaluations_proposal ON evaluator.evaluations (proposal_id)",
    """CREATE TABLE evaluator.evaluation_tasks (
       evaluation_id UUID NOT NULL,
       ordinal INTEGER NOT NULL,
       id UUID NOT NULL,
       cluster INTEGER NOT NULL,
       case_id TEXT NOT NULL,
       arm TEXT NOT NULL,
       repeat INTEGER NOT NULL,
       protected BOOLEAN NOT NULL,
       open BOOLEAN NOT NULL,
       attempts SMALLINT DEFAULT '0' NOT NULL,
       token UUID,
       worker TEXT,
       expires_at TIMESTAMP WITH TIME ZONE,
       answer JSONB,
       answered_at TIMESTAMP WITH TIME ZONE,
       CONSTRAINT pk_evaluation_tasks PRIMARY KEY (evaluation_id, ordinal),
       CONSTRAINT uq_evaluation_tasks_id UNIQUE (id),
       CONSTRAINT fk_evaluation_tasks_evaluation_id
         FOREIGN KEY (evaluation_id) REFERENCES evaluator.evaluations (id) ON DELETE CASCADE,
       CONSTRAINT ck_evaluation_tasks_answered CHECK ((answer IS NULL) = (answered_at IS NULL)),
       CONSTRAINT ck_evaluation_tasks_open CHECK (NOT (open AND answered_at IS NOT NULL))
       )""",
    "CREATE INDEX ix_evaluation_tasks_open ON evaluator.evaluation_tasks (evaluation_id, ordinal) WHERE open",
    """CREATE INDEX ix_evaluation_tasks_unanswered
       ON evaluator.evaluation_tasks (evaluation_id, ordinal) WHERE answered_at IS NULL""",
    """CREATE TABLE evaluator.evaluation_reports (
       evaluation_id UUID NOT NULL,
       digest TEXT NOT NULL,
       content TEXT NOT NULL,
       measurements JSONB NOT NULL,
       html TEXT NOT NULL,
       CONSTRAINT pk_evaluation_reports PRIMARY KEY (evaluation_id),
       CONSTRAINT fk_evaluation_reports_evaluation_id
         FOREIGN KEY (evaluation_id) REFERENCES evaluator.evaluations (id) ON DELETE CASCADE
       )""",
    """CREATE TABLE evaluator.evaluated_proposals (
       proposal_id UUID NOT NULL,
       ended BOOLEAN NOT NULL,
       changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
       CONSTRAINT pk_evaluated_proposals PRIMARY KEY (proposal_id)
       )""",
    """GRANT SELECT, INSERT, UPDATE, DELETE ON evaluator.evaluations, evaluator.evaluation_tasks,
       evaluator.evaluation_reports, evaluator.evaluated_proposals TO ratchet_evaluator""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("evaluation_reports", "evaluation_tasks", "evaluations", "evaluated_proposals"):
        op.execute(f"DROP TABLE evaluator.{table}")
