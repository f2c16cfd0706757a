import pytest

from tests.support.console import Made


@pytest.fixture
def api() -> Made:
    """Services of which an admin is signed in; a test says what else they answer."""
    return Made()
