"""What became of the acceptance criteria of promoted proposals; nothing goes live by it, so the service writes it."""

from alembic import op

revision = "0006"
down_revision = "0005"

_STATEMENTS = (
    """CREATE TABLE gatekeeper.acceptance (
           proposal_id uuid NOT NULL REFERENCES gatekeeper.proposals,
           project     text NOT NULL,
           environment text NOT NULL,
           target      text NOT NULL,
           name        text NOT NULL,
           digest      text NOT NULL,
           metric      text NOT NULL,
           comparison  text NOT NULL CHECK (comparison IN ('>=', '<=')),
           threshold   double precision NOT NULL,
           needed      integer NOT NULL CHECK (needed > 0),
           live_since  timestamptz NOT NULL,
           counted     integer NOT NULL DEFAULT 0,
           total       double precision NOT NULL DEFAULT 0,
           state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'met', 'not_met')),
           decided_at  timestamptz,
           PRIMARY KEY (proposal_id, metric, comparison))""",
    """CREATE INDEX ix_acceptance_open ON gatekeeper.acceptance (project, environment, name, digest, metric)
       WHERE state = 'open'""",
    "REVOKE ALL ON gatekeeper.acceptance FROM ratchet_gatekeeper, PUBLIC",
    "GRANT SELECT, INSERT, UPDATE ON gatekeeper.acceptance TO ratchet_gatekeeper",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
