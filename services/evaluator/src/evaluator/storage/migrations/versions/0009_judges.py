"""Judges, online judging, and what people say of judged executions."""

from alembic import op

revision = "0009"
down_revision = "0008"

_TABLES = ("judges", "judging_rules", "judgements", "judged_opinions")
_STATEMENTS = (
    """CREATE TABLE evaluator.judges (
         project TEXT NOT NULL,
         environment TEXT NOT NULL,
         name TEXT NOT NULL,
         definition JSONB NOT NULL,
         anchors JSONB NOT NULL,
         people_metric TEXT NOT NULL,
         changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
         changed_by TEXT NOT NULL,
         CONSTRAINT pk_judges PRIMARY KEY (project, environment, name)
       )""",
    """CREATE TABLE evaluator.judging_rules (
         project TEXT NOT NULL,
         environment TEXT NOT NULL,
         target TEXT NOT NULL,
         judge TEXT NOT NULL,
         rate FLOAT NOT NULL,
         stratify_by TEXT,
         confidence TEXT,
         daily_calls INTEGER,
         daily_tokens BIGINT,
         daily_usd FLOAT,
         changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
         changed_by TEXT NOT NULL,
         CONSTRAINT pk_judging_rules PRIMARY KEY (project, environment, target),
         CONSTRAINT fk_judging_rules_project_environment_judge FOREIGN KEY(project, environment, judge)
           REFERENCES evaluator.judges (project, environment, name)
       )""",
    """CREATE TABLE evaluator.judgements (
         id UUID NOT NULL,
         project TEXT NOT NULL,
         environment TEXT NOT NULL,
         target TEXT NOT NULL,
         judge TEXT NOT NULL,
         digest TEXT NOT NULL,
         purpose TEXT NOT NULL,
         state TEXT NOT NULL,
         judged JSONB,
         subject TEXT,
         execution_id TEXT,
         case_id TEXT,
         segment TEXT NOT NULL,
         priority FLOAT NOT NULL,
         occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
         queued_at TIMESTAMP WITH TIME ZONE NOT NULL,
         attempts SMALLINT DEFAULT '0' NOT NULL,
         leased_until TIMESTAMP WITH TIME ZONE,
         judged_at TIMESTAMP WITH TIME ZONE,
         score FLOAT,
         reason TEXT,
         calls INTEGER DEFAULT '0' NOT NULL,
         input_tokens INTEGER DEFAULT '0' NOT NULL,
         output_tokens INTEGER DEFAULT '0' NOT NULL,
         usd FLOAT,
         CONSTRAINT pk_judgements PRIMARY KEY (id),
         CONSTRAINT ck_judgements_purpose CHECK (purpose IN ('online', 'anchor')),
         CONSTRAINT ck_judgements_state CHECK (state IN ('waiting', 'known', 'unknown', 'dropped')),
         CONSTRAINT ck_judgements_score CHECK ((state = 'known') = (score IS NOT NULL)),
         CONSTRAINT ck_judgements_judged_at CHECK ((state = 'waiting') = (judged_at IS NULL)),
         CONSTRAINT ck_judgements_judged CHECK ((state = 'waiting') = (judged IS NOT NULL))
       )""",
    "CREATE INDEX ix_judgements_digest ON evaluator.judgements (project, environment, digest, judged_at)",
    "CREATE INDEX ix_judgements_execution ON evaluator.judgements (project, environment, execution_id)",
    "CREATE INDEX ix_judgements_target ON evaluator.judgements (project, environment, target, judged_at)",
    "CREATE INDEX ix_judgements_waiting ON evaluator.judgements (queued_at) WHERE state = 'waiting'",
    """CREATE TABLE evaluator.judged_opinions (
         feedback_id UUID NOT NULL,
         project TEXT NOT NULL,
         environment TEXT NOT NULL,
         execution_id TEXT NOT NULL,
         value FLOAT NOT NULL,
         received_at TIMESTAMP WITH TIME ZONE NOT NULL,
         CONSTRAINT pk_judged_opinions PRIMARY KEY (feedback_id)
       )""",
    "CREATE INDEX ix_judged_opinions_execution ON evaluator.judged_opinions (project, environment, execution_id)",
    f"""GRANT SELECT, INSERT, UPDATE, DELETE ON {", ".join(f"evaluator.{table}" for table in _TABLES)}
       TO ratchet_evaluator""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE evaluator.{table}")
