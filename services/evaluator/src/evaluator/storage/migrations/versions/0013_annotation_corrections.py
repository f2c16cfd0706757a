"""Corrections of submitted annotations: what was answered before, and what was answered blind."""

from alembic import op

revision = "0013"
down_revision = "0012"

_STATEMENTS = (
    "ALTER TABLE evaluator.annotations ADD COLUMN blind_answers JSONB",
    """CREATE TABLE evaluator.annotation_corrections (
       task_id UUID NOT NULL,
       annotator TEXT NOT NULL,
       number SMALLINT NOT NULL,
       answers JSONB NOT NULL,
       replaced_at TIMESTAMP WITH TIME ZONE NOT NULL,
       CONSTRAINT pk_annotation_corrections PRIMARY KEY (task_id, annotator, number),
       CONSTRAINT fk_annotation_corrections_task_id
         FOREIGN KEY (task_id) REFERENCES evaluator.annotation_tasks (id) ON DELETE CASCADE
       )""",
    "GRANT SELECT, INSERT, DELETE ON evaluator.annotation_corrections TO ratchet_evaluator",
    """CREATE INDEX ix_annotations_submitted ON evaluator.annotations (queue_id, annotator, ended_at DESC)
       WHERE state = 'submitted'""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE evaluator.annotation_corrections")
    op.execute("DROP INDEX evaluator.ix_annotations_submitted")
    op.execute("ALTER TABLE evaluator.annotations DROP COLUMN blind_answers")
