"""Examples count for the execution's user and rank by when they were received; some need a person.

What was kept before says neither whose consent it had nor by which key it came. The next upkeep forgets it, for being
too old, and withdraws the proposals that were made from it; what is live stays.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

_STATEMENTS = (
    """ALTER TABLE proposer.candidates ADD COLUMN contributor TEXT,
       ADD COLUMN grant_eligible BOOLEAN DEFAULT 'false' NOT NULL""",
    "UPDATE proposer.candidates SET received_at = to_timestamp(0)",
    "DROP INDEX proposer.ix_candidates_rank",
    "DROP INDEX proposer.ix_candidates_occurred_at",
    """CREATE INDEX ix_candidates_rank
       ON proposer.candidates (project, environment, name, grant_eligible DESC, score DESC, received_at, feedback_id)
       WHERE NOT barred""",
    "CREATE INDEX ix_candidates_received_at ON proposer.candidates (received_at)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX proposer.ix_candidates_rank")
    op.execute("DROP INDEX proposer.ix_candidates_received_at")
    op.execute("ALTER TABLE proposer.candidates DROP COLUMN contributor, DROP COLUMN grant_eligible")
    op.execute("CREATE INDEX ix_candidates_occurred_at ON proposer.candidates (occurred_at)")
    op.execute(
        """CREATE INDEX ix_candidates_rank
           ON proposer.candidates (project, environment, name, score DESC, occurred_at, feedback_id) WHERE NOT barred"""
    )
