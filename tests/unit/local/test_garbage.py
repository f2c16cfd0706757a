"""What a test leaves open fails that test."""

import warnings

import pytest

from tests.support.garbage import collect_garbage


class LeftOpen:
    """Something in a reference cycle, as a connection and its transport are, that nobody closes."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        warnings.warn("left open", ResourceWarning, stacklevel=1)


@pytest.mark.parametrize(("is_last", "each_test"), [(False, True), (True, True), (True, False)])
def test_garbage_of_a_test_fails_it(request: pytest.FixtureRequest, is_last: bool, each_test: bool) -> None:
    LeftOpen()
    with pytest.raises(pytest.PytestUnraisableExceptionWarning, match="LeftOpen"):
        collect_garbage(request.node, None if is_last else request.node, each_test=each_test)


def test_tests_without_servers_are_searched_once_per_file(request: pytest.FixtureRequest) -> None:
    LeftOpen()
    collect_garbage(request.node, request.node, each_test=False)
    with pytest.raises(pytest.PytestUnraisableExceptionWarning, match="LeftOpen"):
        collect_garbage(request.node, None, each_test=False)


def test_tests_that_leave_nothing_open_pass(request: pytest.FixtureRequest) -> None:
    collect_garbage(request.node, None, each_test=True)
