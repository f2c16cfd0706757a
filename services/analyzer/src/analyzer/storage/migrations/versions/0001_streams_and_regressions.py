"""Streams, regressions, and what counts nowhere."""

from alembic import op

from shared.runtime.roles import grant_service
from shared.service.tables import create_messaging_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE analyzer.streams (
    id uuid CONSTRAINT pk_streams PRIMARY KEY,
    line_id uuid NOT NULL,
    project text NOT NULL,
    environment text NOT NULL,
    target text NOT NULL,
    metric text NOT NULL,
    prompt text NOT NULL,
    identity text NOT NULL,
    reference boolean NOT NULL,
    last double precision NOT NULL,
    state json NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX ix_streams_target ON analyzer.streams (project, environment, target, metric);
CREATE INDEX ix_streams_reference ON analyzer.streams (line_id) WHERE reference;

CREATE TABLE analyzer.regressions (
    id uuid CONSTRAINT pk_regressions PRIMARY KEY,
    position bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT uq_regressions_position UNIQUE,
    dimension_id uuid NOT NULL,
    project text NOT NULL,
    environment text NOT NULL,
    target text NOT NULL,
    metric text NOT NULL,
    state text NOT NULL CONSTRAINT ck_regressions_state_known CHECK (state IN ('open', 'resolved')),
    revision integer NOT NULL,
    opened_at timestamptz NOT NULL,
    resolved_at timestamptz,
    detected json NOT NULL,
    resolved json,
    memory json NOT NULL,
    CONSTRAINT ck_regressions_resolved_told CHECK ((state = 'resolved') = (resolved IS NOT NULL))
);
CREATE UNIQUE INDEX uq_regressions_one_open ON analyzer.regressions (dimension_id) WHERE state = 'open';
CREATE INDEX ix_regressions_dimension ON analyzer.regressions (dimension_id, position);
CREATE INDEX ix_regressions_listed ON analyzer.regressions (project, environment, position);

CREATE TABLE analyzer.uncounted (
    project text NOT NULL,
    environment text NOT NULL,
    reason text NOT NULL,
    n bigint NOT NULL,
    CONSTRAINT pk_uncounted PRIMARY KEY (project, environment, reason)
);
"""


def upgrade() -> None:
    create_messaging_tables(op.get_bind(), "analyzer")
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    grant_service(op.get_bind(), "analyzer")


def downgrade() -> None:
    op.execute("DROP SCHEMA analyzer CASCADE")
