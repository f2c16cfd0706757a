"""Garbage of tests: what a test left open fails that test, not a later one of the same process."""

import gc

import pytest

_YOUNG, _ALL = 1, 2
"""Generations, for gc.collect: a test's own objects are young; to search all takes up to 0.1 s."""


def collect_garbage(item: pytest.Item, nextitem: pytest.Item | None, *, each_test: bool) -> None:
    """Collect the garbage of an ended test: at the end of its file that of every age, where there are servers.

    Without `each_test`, which is for files without servers, collect only young garbage, and only at the end of the
    file.

    Raises:
    pytest.PytestUnraisableExceptionWarning: an object was never closed; or an ExceptionGroup of several.
    """
    is_last = nextitem is None or nextitem.path != item.path
    if not (is_last or each_test):
        return
    gc.collect(_ALL if is_last and each_test else _YOUNG)
    pytests_own = item.config.pluginmanager.get_plugin("unraisableexception")
    assert pytests_own is not None
    pytests_own.collect_unraisable(item.config)
