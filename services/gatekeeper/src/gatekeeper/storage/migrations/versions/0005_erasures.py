"""Erasure of users: texts of their examples are deleted, and live versions go on without them."""

from alembic import op

from gatekeeper.storage.scripts import apply_functions
from shared.service.tables import add_erased_subjects

revision = "0005"
down_revision = "0004"

_STATEMENTS = (
    """CREATE TABLE gatekeeper.erasures (
           id           uuid PRIMARY KEY,
           project      text NOT NULL REFERENCES gatekeeper.projects,
           requested_by text NOT NULL,
           key_id       text NOT NULL REFERENCES gatekeeper.api_keys,
           at           timestamptz NOT NULL DEFAULT clock_timestamp(),
           audit_seq    bigint NOT NULL,
           FOREIGN KEY (project, requested_by) REFERENCES gatekeeper.people,
           FOREIGN KEY (project, audit_seq) REFERENCES gatekeeper.audit (project, seq))""",
    """CREATE TABLE gatekeeper.erased_examples (
           project    text NOT NULL REFERENCES gatekeeper.projects,
           digest     text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
           erasure_id uuid NOT NULL REFERENCES gatekeeper.erasures,
           PRIMARY KEY (project, digest))""",
    "SELECT gatekeeper.make_immutable('gatekeeper.erasures')",
    "SELECT gatekeeper.make_immutable('gatekeeper.erased_examples')",
    "REVOKE ALL ON gatekeeper.erasures, gatekeeper.erased_examples FROM ratchet_gatekeeper, PUBLIC",
    "GRANT SELECT ON gatekeeper.erasures, gatekeeper.erased_examples TO ratchet_gatekeeper",
)
_TRIGGERS = (
    "DROP TRIGGER frozen_rows ON gatekeeper.examples",
    """CREATE TRIGGER frozen_rows BEFORE UPDATE ON gatekeeper.examples
       FOR EACH ROW EXECUTE FUNCTION gatekeeper.refuse_change()""",
    """CREATE TRIGGER check_example_delete BEFORE DELETE ON gatekeeper.examples
       FOR EACH ROW EXECUTE FUNCTION gatekeeper.check_example_delete()""",
    """CREATE TRIGGER skip_erased_example BEFORE INSERT ON gatekeeper.examples
       FOR EACH ROW EXECUTE FUNCTION gatekeeper.skip_erased_example()""",
    """CREATE TRIGGER erase_proposal_content BEFORE INSERT ON gatekeeper.proposals
       FOR EACH ROW EXECUTE FUNCTION gatekeeper.erase_proposal_content()""",
)


def upgrade() -> None:
    for statement in (*add_erased_subjects("gatekeeper"), *_STATEMENTS):
        op.execute(statement)
    apply_functions(["erasures", "examples", "proposals", "rollbacks"])
    for trigger in _TRIGGERS:
        op.execute(trigger)
