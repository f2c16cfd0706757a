"""Scores that pulls write back, and how executions with flags are searched for.

pull_scores  scores to be written to the source of a pull; a row is deleted when the source has the score
"""

from alembic import op

from shared.runtime.roles import database_role

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.execute(
        """ALTER TABLE collector.pulls
           ADD COLUMN flag_searches jsonb NOT NULL DEFAULT '[]',
           ADD COLUMN scores_written bigint NOT NULL DEFAULT 0,
           ADD COLUMN scores_refused bigint NOT NULL DEFAULT 0"""
    )
    op.execute(
        """CREATE TABLE collector.pull_scores (
            pull text NOT NULL,
            score_id text NOT NULL,
            body jsonb NOT NULL,
            received_at timestamptz NOT NULL,
            CONSTRAINT pk_pull_scores PRIMARY KEY (pull, score_id))"""
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON collector.pull_scores TO {database_role('collector')}")


def downgrade() -> None:
    op.execute("DROP TABLE collector.pull_scores")
    op.execute(
        "ALTER TABLE collector.pulls DROP COLUMN flag_searches, DROP COLUMN scores_written, DROP COLUMN scores_refused"
    )
