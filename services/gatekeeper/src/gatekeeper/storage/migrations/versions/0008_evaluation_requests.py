"""Which evaluations of proposals were requested, when and by whom. Nothing goes live by it: the service writes it."""

from alembic import op

revision = "0008"
down_revision = "0007"

_STATEMENTS = (
    """CREATE TABLE gatekeeper.evaluation_requests (
           proposal_id  uuid NOT NULL REFERENCES gatekeeper.proposals,
           revision     integer NOT NULL CHECK (revision > 0),
           attempt      integer NOT NULL CHECK (attempt > 0),
           requested_at timestamptz NOT NULL,
           requested_by text,
           PRIMARY KEY (proposal_id, revision))""",
    "REVOKE ALL ON gatekeeper.evaluation_requests FROM ratchet_gatekeeper, PUBLIC",
    "GRANT SELECT, INSERT ON gatekeeper.evaluation_requests TO ratchet_gatekeeper",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
