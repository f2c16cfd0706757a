"""Draft pull requests of proposals, and the texts of repositories beside the live ones."""

from alembic import op

revision = "0015"
down_revision = "0014"

_STATEMENTS = (
    """CREATE TABLE proposer.pull_requests (
       proposal_id UUID NOT NULL,
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       name TEXT NOT NULL,
       target TEXT NOT NULL,
       forge TEXT NOT NULL,
       repository TEXT NOT NULL,
       branch TEXT NOT NULL,
       state TEXT NOT NULL,
       is_wanted BOOLEAN NOT NULL DEFAULT true,
       proposal JSONB NOT NULL,
       regression JSONB,
       evaluation JSONB,
       checks JSONB NOT NULL DEFAULT '[]',
       reason TEXT,
       number BIGINT,
       url TEXT,
       base_sha TEXT,
       head_sha TEXT,
       file_digest TEXT,
       body_digest TEXT,
       evaluate_until TIMESTAMP WITH TIME ZONE NOT NULL,
       attempts INTEGER NOT NULL DEFAULT 0,
       token BIGINT NOT NULL DEFAULT 0,
       next_attempt_at TIMESTAMP WITH TIME ZONE,
       created_at TIMESTAMP WITH TIME ZONE NOT NULL,
       changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
       CONSTRAINT pk_pull_requests PRIMARY KEY (proposal_id),
       CONSTRAINT uq_pull_requests_forge_repository_branch UNIQUE (forge, repository, branch),
       CONSTRAINT ck_pull_requests_state CHECK (state IN
         ('pending', 'stopped', 'unsupported', 'open', 'merged', 'closed', 'withdrawn', 'failed'))
       )""",
    """CREATE INDEX ix_pull_requests_next_attempt_at ON proposer.pull_requests (next_attempt_at)
       WHERE next_attempt_at IS NOT NULL""",
    """CREATE INDEX ix_pull_requests_listed
       ON proposer.pull_requests (project, environment, created_at DESC, proposal_id)""",
    """CREATE TABLE proposer.repository_texts (
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       name TEXT NOT NULL,
       forge TEXT NOT NULL,
       repository TEXT NOT NULL,
       branch TEXT NOT NULL,
       path TEXT NOT NULL,
       digest TEXT,
       base_sha TEXT,
       same BOOLEAN,
       fault TEXT,
       checked_at TIMESTAMP WITH TIME ZONE,
       next_check_at TIMESTAMP WITH TIME ZONE NOT NULL,
       CONSTRAINT pk_repository_texts PRIMARY KEY (project, environment, name)
       )""",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON proposer.pull_requests, proposer.repository_texts TO ratchet_proposer",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE proposer.repository_texts")
    op.execute("DROP TABLE proposer.pull_requests")
