"""Proposals of the kind `instruction`."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute(
        """ALTER TABLE gatekeeper.proposals DROP CONSTRAINT proposals_kind_check, ADD CONSTRAINT proposals_kind_check
           CHECK (kind IN ('restore', 'rollback', 'instruction', 'few_shot', 'edit', 'first_version'))"""
    )
