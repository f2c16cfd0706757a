"""The tables of delivery and this service's own."""

from alembic import op

from shared.runtime.roles import grant_service
from shared.service.tables import create_messaging_tables

revision = "0001"
down_revision = None

_STATEMENTS = (
    """CREATE TABLE proposer.candidates (
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       name TEXT NOT NULL,
       feedback_id UUID NOT NULL,
       execution_id TEXT NOT NULL,
       target TEXT NOT NULL,
       digest TEXT,
       example_digest TEXT NOT NULL,
       score FLOAT NOT NULL,
       input TEXT NOT NULL,
       output TEXT NOT NULL,
       input_key TEXT NOT NULL,
       "user" TEXT,
       occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
       received_at TIMESTAMP WITH TIME ZONE NOT NULL,
       barred BOOLEAN NOT NULL,
       CONSTRAINT pk_candidates PRIMARY KEY (project, environment, name, feedback_id)
       )""",
    """CREATE INDEX ix_candidates_execution ON proposer.candidates (project, environment, execution_id)""",
    """CREATE INDEX ix_candidates_occurred_at ON proposer.candidates (occurred_at)""",
    """CREATE INDEX ix_candidates_rank
       ON proposer.candidates (project, environment, name, score DESC, occurred_at, feedback_id) WHERE NOT barred""",
    """CREATE TABLE proposer.documents (
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       name TEXT NOT NULL,
       digest TEXT NOT NULL,
       document JSONB NOT NULL,
       first_seen TIMESTAMP WITH TIME ZONE NOT NULL,
       CONSTRAINT pk_documents PRIMARY KEY (project, environment, name, digest)
       )""",
    """CREATE TABLE proposer.measurements (
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       name TEXT NOT NULL,
       identity TEXT NOT NULL,
       target TEXT NOT NULL,
       metric TEXT NOT NULL,
       direction TEXT NOT NULL,
       measurement JSONB NOT NULL,
       window_end TIMESTAMP WITH TIME ZONE NOT NULL,
       CONSTRAINT pk_measurements PRIMARY KEY (project, environment, name, identity, target, metric)
       )""",
    """CREATE TABLE proposer.objections (
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       execution_id TEXT NOT NULL,
       feedback_id UUID NOT NULL,
       received_at TIMESTAMP WITH TIME ZONE NOT NULL,
       CONSTRAINT pk_objections PRIMARY KEY (project, environment, execution_id)
       )""",
    """CREATE INDEX ix_objections_received_at ON proposer.objections (received_at)""",
    """CREATE TABLE proposer.prompts (
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       name TEXT NOT NULL,
       target TEXT NOT NULL,
       live TEXT,
       live_sequence BIGINT DEFAULT '0' NOT NULL,
       live_examples JSONB DEFAULT '{}' NOT NULL,
       live_example_digests TEXT[] DEFAULT '{}' NOT NULL,
       seen TEXT,
       seen_at TIMESTAMP WITH TIME ZONE,
       chosen UUID[] DEFAULT '{}' NOT NULL,
       CONSTRAINT pk_prompts PRIMARY KEY (project, environment, name)
       )""",
    """CREATE TABLE proposer.proposals (
       id UUID NOT NULL,
       content_id UUID NOT NULL,
       round INTEGER NOT NULL,
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       name TEXT NOT NULL,
       target TEXT NOT NULL,
       kind TEXT NOT NULL,
       slot TEXT,
       regression_id UUID,
       base_digest TEXT NOT NULL,
       digest TEXT NOT NULL,
       revision INTEGER NOT NULL,
       state TEXT NOT NULL,
       changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
       CONSTRAINT pk_proposals PRIMARY KEY (id),
       CONSTRAINT ck_proposals_state
         CHECK (state IN ('open', 'withdrawn', 'approved', 'rejected', 'changes_requested')),
       CONSTRAINT uq_proposals_content_id_round UNIQUE (content_id, round)
       )""",
    """CREATE INDEX ix_proposals_open ON proposer.proposals (project, environment, name) WHERE state = 'open'""",
    """CREATE UNIQUE INDEX uq_proposals_open_few_shot
       ON proposer.proposals (project, environment, name, slot) WHERE state = 'open' AND kind = 'few_shot'""",
    """CREATE TABLE proposer.regressions (
       regression_id UUID NOT NULL,
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       target TEXT NOT NULL,
       name TEXT,
       revision INTEGER NOT NULL,
       state TEXT NOT NULL,
       event JSONB,
       proposal_id UUID,
       reason TEXT,
       detail TEXT,
       changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
       CONSTRAINT pk_regressions PRIMARY KEY (regression_id),
       CONSTRAINT ck_regressions_state CHECK (state IN ('open', 'resolved'))
       )""",
    """CREATE INDEX ix_regressions_open
       ON proposer.regressions (project, environment, name) WHERE state = 'open'""",
    """CREATE TABLE proposer.revoked_examples (
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       name TEXT NOT NULL,
       example_digest TEXT NOT NULL,
       CONSTRAINT pk_revoked_examples PRIMARY KEY (project, environment, name, example_digest)
       )""",
)


def upgrade() -> None:
    create_messaging_tables(op.get_bind(), "proposer")
    for statement in _STATEMENTS:
        op.execute(statement)
    grant_service(op.get_bind(), "proposer")
