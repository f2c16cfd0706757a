"""Vectors and origins of candidates, the set that needs no decision, and settings of targets."""

from alembic import op

revision = "0012"
down_revision = "0011"

_STATEMENTS = (
    """ALTER TABLE proposer.candidates
       ADD COLUMN corrected boolean NOT NULL DEFAULT false,
       ADD COLUMN approved boolean NOT NULL DEFAULT false,
       ADD COLUMN trusted boolean NOT NULL DEFAULT false,
       ADD COLUMN tokens integer NOT NULL DEFAULT 0,
       ADD COLUMN embedder text,
       ADD COLUMN embedding bytea""",
    """UPDATE proposer.candidates SET corrected = author IS NOT NULL,
         trusted = grant_eligible OR contributor IS NOT NULL,
         tokens = (octet_length(input) + octet_length(output) + 3) / 4""",
    """ALTER TABLE proposer.prompts
       ADD COLUMN chosen_eligible uuid[] NOT NULL DEFAULT '{}',
       ADD COLUMN pool_token uuid""",
    """CREATE TABLE proposer.tuning_settings (
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       target TEXT NOT NULL,
       revision BIGINT NOT NULL,
       settings JSONB NOT NULL,
       changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
       changed_by TEXT NOT NULL,
       CONSTRAINT pk_tuning_settings PRIMARY KEY (project, environment, target)
       )""",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON proposer.tuning_settings TO ratchet_proposer",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE proposer.tuning_settings")
    op.execute("ALTER TABLE proposer.prompts DROP COLUMN pool_token, DROP COLUMN chosen_eligible")
    op.execute(
        """ALTER TABLE proposer.candidates DROP COLUMN embedding, DROP COLUMN embedder, DROP COLUMN tokens,
           DROP COLUMN trusted, DROP COLUMN approved, DROP COLUMN corrected"""
    )
