"""Which revision of its schema a service wants is known without Alembic."""

import pytest
from alembic.script import ScriptDirectory

from ratchet_local.routes import SERVICES
from shared.runtime.migrations import _config, heads


@pytest.mark.parametrize("service", SERVICES)
def test_the_highest_number_of_a_migration_is_the_only_head_for_alembic(service: str) -> None:
    assert ScriptDirectory.from_config(_config(service)).get_heads() == heads(service)
