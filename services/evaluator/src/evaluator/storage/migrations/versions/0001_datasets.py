"""The tables of delivery, and those of datasets. Published versions can't be changed or deleted."""

from alembic import op

from shared.runtime.roles import grant_service
from shared.service.tables import create_messaging_tables, pack_outbox

revision = "0001"
down_revision = None

_STATEMENTS = (
    """CREATE TABLE evaluator.datasets (
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       name TEXT NOT NULL,
       target TEXT NOT NULL,
       description TEXT NOT NULL,
       licence TEXT,
       created_at TIMESTAMP WITH TIME ZONE NOT NULL,
       created_by TEXT NOT NULL,
       CONSTRAINT pk_datasets PRIMARY KEY (project, environment, name)
       )""",
    "CREATE INDEX ix_datasets_target ON evaluator.datasets (project, environment, target)",
    """CREATE TABLE evaluator.cases (
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       dataset TEXT NOT NULL,
       case_id TEXT NOT NULL,
       position BIGINT GENERATED ALWAYS AS IDENTITY,
       digest TEXT NOT NULL,
       document TEXT NOT NULL,
       state TEXT NOT NULL,
       added_at TIMESTAMP WITH TIME ZONE NOT NULL,
       added_by TEXT NOT NULL,
       reviewed_at TIMESTAMP WITH TIME ZONE,
       reviewed_by TEXT,
       CONSTRAINT pk_cases PRIMARY KEY (project, environment, dataset, case_id),
       CONSTRAINT fk_cases_project FOREIGN KEY (project, environment, dataset)
         REFERENCES evaluator.datasets (project, environment, name),
       CONSTRAINT uq_cases_digest UNIQUE (project, environment, dataset, digest),
       CONSTRAINT ck_cases_state CHECK (state IN ('proposed', 'accepted', 'rejected')),
       CONSTRAINT ck_cases_reviewed
         CHECK (state = 'proposed' OR (reviewed_at IS NOT NULL AND reviewed_by IS NOT NULL))
       )""",
    "CREATE INDEX ix_cases_position ON evaluator.cases (project, environment, dataset, position)",
    """CREATE TABLE evaluator.near_duplicates (
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       dataset TEXT NOT NULL,
       first TEXT NOT NULL,
       second TEXT NOT NULL,
       similarity FLOAT NOT NULL,
       CONSTRAINT pk_near_duplicates PRIMARY KEY (project, environment, dataset, first, second),
       CONSTRAINT fk_near_duplicates_project FOREIGN KEY (project, environment, dataset)
         REFERENCES evaluator.datasets (project, environment, name)
       )""",
    """CREATE TABLE evaluator.versions (
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       dataset TEXT NOT NULL,
       version INTEGER NOT NULL,
       target TEXT NOT NULL,
       digest TEXT NOT NULL,
       cases INTEGER NOT NULL,
       clusters INTEGER NOT NULL,
       protected INTEGER NOT NULL,
       content BYTEA NOT NULL,
       manifest TEXT NOT NULL,
       published_at TIMESTAMP WITH TIME ZONE NOT NULL,
       published_by TEXT NOT NULL,
       CONSTRAINT pk_versions PRIMARY KEY (project, environment, dataset, version),
       CONSTRAINT fk_versions_project FOREIGN KEY (project, environment, dataset)
         REFERENCES evaluator.datasets (project, environment, name)
       )""",
    "CREATE INDEX ix_versions_digest ON evaluator.versions (project, environment, dataset, digest)",
    "CREATE INDEX ix_versions_target ON evaluator.versions (project, environment, target, published_at)",
    """CREATE FUNCTION evaluator.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'published versions of datasets cannot be changed or deleted'; END $$""",
    """CREATE TRIGGER versions_are_immutable BEFORE UPDATE OR DELETE ON evaluator.versions
       FOR EACH ROW EXECUTE FUNCTION evaluator.refuse_change()""",
)


def upgrade() -> None:
    create_messaging_tables(op.get_bind(), "evaluator")
    for statement in (*pack_outbox("evaluator"), *_STATEMENTS):
        op.execute(statement)
    grant_service(op.get_bind(), "evaluator")
