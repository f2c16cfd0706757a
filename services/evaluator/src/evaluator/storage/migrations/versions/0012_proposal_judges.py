"""Judges in the evaluations of proposals: their deadline, and why they were dropped."""

from alembic import op

revision = "0012"
down_revision = "0011"

_STATEMENTS = (
    "ALTER TABLE evaluator.evaluations ADD COLUMN judge_deadline TIMESTAMP WITH TIME ZONE",
    "ALTER TABLE evaluator.evaluations ADD COLUMN judges_dropped TEXT",
    "ALTER TABLE evaluator.judging_rules ADD COLUMN judge_proposals BOOLEAN DEFAULT 'false' NOT NULL",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE evaluator.judging_rules DROP COLUMN judge_proposals")
    op.execute("ALTER TABLE evaluator.evaluations DROP COLUMN judges_dropped, DROP COLUMN judge_deadline")
