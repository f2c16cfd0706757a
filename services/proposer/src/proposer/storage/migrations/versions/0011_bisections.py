"""Requested bisections and what they found."""

from alembic import op

revision = "0011"
down_revision = "0010"

_STATEMENTS = (
    """CREATE TABLE proposer.bisections (
       regression_id UUID NOT NULL,
       good_digest TEXT NOT NULL,
       bad_digest TEXT NOT NULL,
       requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
       result JSONB,
       completed_at TIMESTAMP WITH TIME ZONE,
       CONSTRAINT pk_bisections PRIMARY KEY (regression_id, good_digest, bad_digest)
       )""",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON proposer.bisections TO ratchet_proposer",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE proposer.bisections")
