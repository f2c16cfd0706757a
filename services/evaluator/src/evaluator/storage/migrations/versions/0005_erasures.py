"""Erasure of users: tombstones, and published versions whose cases were erased.

A published version still can't be changed or deleted, except that an erasure empties it once.
"""

from alembic import op

from shared.service.tables import add_erased_subjects

revision = "0005"
down_revision = "0004"

_STATEMENTS = (
    "ALTER TABLE evaluator.versions ADD COLUMN erased_at TIMESTAMP WITH TIME ZONE",
    """CREATE OR REPLACE FUNCTION evaluator.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
       DECLARE emptied evaluator.versions;
       BEGIN
         IF TG_OP = 'UPDATE' AND OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL THEN
           emptied := OLD;
           emptied.content := '';
           emptied.manifest := '{}';
           emptied.erased_at := NEW.erased_at;
           IF NEW IS NOT DISTINCT FROM emptied THEN
             RETURN NEW;
           END IF;
         END IF;
         RAISE EXCEPTION 'published versions of datasets cannot be changed or deleted';
       END $$""",
    """CREATE TABLE evaluator.reported_erasures (
       erasure_id UUID NOT NULL,
       CONSTRAINT pk_reported_erasures PRIMARY KEY (erasure_id)
       )""",
    "GRANT SELECT, INSERT ON evaluator.reported_erasures TO ratchet_evaluator",
)


def upgrade() -> None:
    for statement in (*add_erased_subjects("evaluator"), *_STATEMENTS):
        op.execute(statement)
