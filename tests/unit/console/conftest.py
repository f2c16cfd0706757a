import pytest

from tests.support.console import FakeServices


@pytest.fixture
def api() -> FakeServices:
    """Services of which an admin is signed in; a test says what else they answer."""
    return FakeServices()
