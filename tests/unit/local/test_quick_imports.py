"""Modules that are imported at their first use."""

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from ratchet_local.quick_imports import DeferredModule


def test_deferred_module_is_imported_once_by_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module("colorsys")
    monkeypatch.setitem(sys.modules, "colorsys", DeferredModule("colorsys"))
    deferred = importlib.import_module("colorsys")
    assert isinstance(deferred, DeferredModule)
    assert "ONE_THIRD" not in vars(deferred)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: deferred.ONE_THIRD, range(64)))
    assert found == [real.ONE_THIRD] * 64
    assert vars(deferred)["ONE_THIRD"] is vars(sys.modules["colorsys"])["ONE_THIRD"]


def test_missing_attribute_is_that_of_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "colorsys", DeferredModule("colorsys"))
    with pytest.raises(AttributeError, match="absent"):
        _ = importlib.import_module("colorsys").absent
