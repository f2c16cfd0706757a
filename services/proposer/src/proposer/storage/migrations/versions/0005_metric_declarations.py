"""What projects declared of their metrics: it decides which feedback is good."""

from alembic import op

from shared.runtime.roles import grant_service

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE proposer.metric_declarations (
           project TEXT NOT NULL,
           environment TEXT NOT NULL,
           target TEXT NOT NULL,
           metric TEXT NOT NULL,
           revision INTEGER NOT NULL,
           declared JSONB NOT NULL,
           CONSTRAINT pk_metric_declarations PRIMARY KEY (project, environment, target, metric)
           )"""
    )
    grant_service(op.get_bind(), "proposer")


def downgrade() -> None:
    op.execute("DROP TABLE proposer.metric_declarations")
