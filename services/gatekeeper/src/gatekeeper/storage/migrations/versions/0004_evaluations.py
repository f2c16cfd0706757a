"""Evaluations of proposals; a decision binds the report and the evidence that it was made on."""

from alembic import op

from gatekeeper.storage.scripts import apply_functions

revision = "0004"
down_revision = "0003"

_STATEMENTS = (
    """CREATE TABLE gatekeeper.datasets (
           project     text NOT NULL,
           environment text NOT NULL,
           target      text NOT NULL,
           name        text NOT NULL,
           version     integer NOT NULL,
           digest      text NOT NULL,
           cases       integer NOT NULL,
           clusters    integer NOT NULL,
           PRIMARY KEY (project, environment, target, name))""",
    """CREATE TABLE gatekeeper.evaluations (
           id            uuid PRIMARY KEY,
           proposal_id   uuid NOT NULL REFERENCES gatekeeper.proposals,
           project       text NOT NULL REFERENCES gatekeeper.projects,
           report_digest text NOT NULL,
           verdict       text NOT NULL CHECK (verdict IN ('pass', 'fail', 'inconclusive')),
           completed_at  timestamptz NOT NULL,
           content       jsonb NOT NULL)""",
    "CREATE INDEX ix_evaluations_proposal ON gatekeeper.evaluations (proposal_id, completed_at)",
    """CREATE TABLE gatekeeper.evaluation_rules (
           project     text NOT NULL REFERENCES gatekeeper.projects,
           environment text NOT NULL,
           target      text NOT NULL CHECK (length(target) BETWEEN 1 AND 200),
           revision    integer NOT NULL CHECK (revision > 0),
           rule        text NOT NULL CHECK (rule IN ('required', 'advisory', 'default')),
           set_by      text NOT NULL,
           key_id      text NOT NULL REFERENCES gatekeeper.api_keys,
           set_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
           reason      text NOT NULL CHECK (length(reason) <= 2000),
           PRIMARY KEY (project, environment, target, revision))""",
    "SELECT gatekeeper.make_immutable('gatekeeper.evaluations')",
    "SELECT gatekeeper.make_immutable('gatekeeper.evaluation_rules')",
    """REVOKE ALL ON gatekeeper.datasets, gatekeeper.evaluations, gatekeeper.evaluation_rules
       FROM ratchet_gatekeeper, PUBLIC""",
    "GRANT SELECT ON gatekeeper.datasets, gatekeeper.evaluations, gatekeeper.evaluation_rules TO ratchet_gatekeeper",
    "ALTER TABLE gatekeeper.decisions ADD COLUMN evidence_digest text, ADD COLUMN evaluation_rule text",
    "DROP FUNCTION IF EXISTS gatekeeper.decide(text, uuid, text, text, text, interval, text)",
)
_TRIGGER = """CREATE TRIGGER bind_decision_evidence BEFORE INSERT ON gatekeeper.decisions
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.bind_decision_evidence()"""


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    apply_functions(["decisions", "evaluations"])
    op.execute(_TRIGGER)
