import pytest

from tests.support.console import FakeServices


@pytest.fixture
def api() -> FakeServices:
    """Services with a signed-in admin; a test adds further responses."""
    return FakeServices()
