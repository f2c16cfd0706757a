"""The schema revision that a service needs is determined without Alembic."""

import pytest
from alembic.script import ScriptDirectory

from ratchet_local.routes import SERVICES
from shared.runtime.migrations import _config, heads


@pytest.mark.parametrize("service", SERVICES)
def test_highest_migration_is_the_only_head_of_alembic(service: str) -> None:
    assert ScriptDirectory.from_config(_config(service)).get_heads() == heads(service)
