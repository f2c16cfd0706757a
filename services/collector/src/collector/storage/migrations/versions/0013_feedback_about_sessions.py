"""Feedback may be about a session; of a trace or session it is known whether several versions answered."""

from alembic import op

revision = "0013"
down_revision = "0012"

_UP = (
    "ALTER TABLE collector.executions ADD COLUMN session bytea, ADD COLUMN version bytea",
    "CREATE INDEX ix_executions_session ON collector.executions (session) WHERE session IS NOT NULL",
    """ALTER TABLE collector.feedback_log ADD COLUMN about text NOT NULL DEFAULT 'execution',
       ADD COLUMN subject uuid, ADD COLUMN mixed boolean NOT NULL DEFAULT false""",
    "CREATE INDEX ix_feedback_log_subject ON collector.feedback_log (subject, occurred_at) WHERE subject IS NOT NULL",
)
_DOWN = (
    "ALTER TABLE collector.feedback_log DROP COLUMN about, DROP COLUMN subject, DROP COLUMN mixed",
    "ALTER TABLE collector.executions DROP COLUMN session, DROP COLUMN version",
)


def upgrade() -> None:
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in _DOWN:
        op.execute(statement)
