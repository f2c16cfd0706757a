"""Definitions of metrics; streams by direction; what is not counted by target, metric and reason."""

from alembic import op

from shared.runtime.roles import grant_service

revision = "0006"
down_revision = "0005"

_UP = (
    """CREATE TABLE analyzer.metric_definitions (
        project text NOT NULL,
        environment text NOT NULL,
        target text NOT NULL,
        metric text NOT NULL,
        declaration jsonb NOT NULL,
        generation integer NOT NULL,
        revision integer NOT NULL,
        declared_by text NOT NULL,
        declared_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_metric_definitions PRIMARY KEY (project, environment, target, metric)
    )""",
    "ALTER TABLE analyzer.streams ADD COLUMN generation integer NOT NULL DEFAULT 0",
    "ALTER TABLE analyzer.streams ADD COLUMN mirrored json",
    "ALTER TABLE analyzer.streams ALTER COLUMN state DROP NOT NULL",
    "ALTER TABLE analyzer.courses ADD COLUMN generation integer NOT NULL DEFAULT 0",
    "ALTER TABLE analyzer.courses ADD COLUMN mirrored json",
    "ALTER TABLE analyzer.courses ALTER COLUMN state DROP NOT NULL",
    # What was counted so far knows neither target nor metric.
    "ALTER TABLE analyzer.uncounted ADD COLUMN target text NOT NULL DEFAULT ''",
    "ALTER TABLE analyzer.uncounted ADD COLUMN metric text NOT NULL DEFAULT ''",
    "ALTER TABLE analyzer.uncounted ADD COLUMN word text NOT NULL DEFAULT ''",
    "ALTER TABLE analyzer.uncounted ADD COLUMN low double precision",
    "ALTER TABLE analyzer.uncounted ADD COLUMN high double precision",
    "ALTER TABLE analyzer.uncounted ADD COLUMN latest timestamptz NOT NULL DEFAULT now()",
    *(f"ALTER TABLE analyzer.uncounted ALTER COLUMN {name} DROP DEFAULT" for name in ("target", "metric", "word")),
    "ALTER TABLE analyzer.uncounted DROP CONSTRAINT pk_uncounted",
    """ALTER TABLE analyzer.uncounted
       ADD CONSTRAINT pk_uncounted PRIMARY KEY (project, environment, target, metric, reason, word)""",
)
_DOWN = (
    "DROP TABLE analyzer.metric_definitions",
    "DELETE FROM analyzer.streams WHERE state IS NULL OR generation > 0",
    "ALTER TABLE analyzer.streams DROP COLUMN generation, DROP COLUMN mirrored, ALTER COLUMN state SET NOT NULL",
    "DELETE FROM analyzer.courses WHERE state IS NULL OR generation > 0",
    "ALTER TABLE analyzer.courses DROP COLUMN generation, DROP COLUMN mirrored, ALTER COLUMN state SET NOT NULL",
    "DELETE FROM analyzer.uncounted",
    """ALTER TABLE analyzer.uncounted DROP COLUMN target, DROP COLUMN metric, DROP COLUMN word, DROP COLUMN low,
       DROP COLUMN high, DROP COLUMN latest""",
    "ALTER TABLE analyzer.uncounted ADD CONSTRAINT pk_uncounted PRIMARY KEY (project, environment, reason)",
)


def upgrade() -> None:
    for statement in _UP:
        op.execute(statement)
    grant_service(op.get_bind(), "analyzer")


def downgrade() -> None:
    for statement in _DOWN:
        op.execute(statement)
