"""Evaluations whose answers are scored by judges, too."""

from alembic import op

revision = "0010"
down_revision = "0009"

_STATEMENTS = (
    "ALTER TABLE evaluator.evaluations ADD COLUMN judges JSONB DEFAULT '[]' NOT NULL",
    "ALTER TABLE evaluator.judgements ADD COLUMN evaluation_id UUID",
    "ALTER TABLE evaluator.judgements DROP CONSTRAINT ck_judgements_purpose",
    """ALTER TABLE evaluator.judgements ADD CONSTRAINT ck_judgements_purpose
       CHECK (purpose IN ('online', 'anchor', 'run'))""",
    """CREATE INDEX ix_judgements_evaluation ON evaluator.judgements (evaluation_id)
       WHERE evaluation_id IS NOT NULL""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DELETE FROM evaluator.judgements WHERE purpose = 'run'")
    op.execute("ALTER TABLE evaluator.judgements DROP CONSTRAINT ck_judgements_purpose, DROP COLUMN evaluation_id")
    op.execute(
        "ALTER TABLE evaluator.judgements ADD CONSTRAINT ck_judgements_purpose CHECK (purpose IN ('online', 'anchor'))"
    )
    op.execute("ALTER TABLE evaluator.evaluations DROP COLUMN judges")
