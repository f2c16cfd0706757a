"""Services search for cyclic garbage rarely, once they serve."""

import gc
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI

from shared.runtime.garbage import tune_garbage_collection
from shared.runtime.settings import ProcessSettings
from shared.service.cli import serve


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Restore the collector of the test process, and freeze again what tests/conftest.py froze after collection."""
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.freeze()


class Node:
    """An object that refers to itself, so that reference counts do not free it."""

    def __init__(self) -> None:
        self.itself = self


def searches(objects: int) -> int:
    """Return how often the youngest generation is searched while that many objects are made and kept."""
    before = gc.get_stats()[0]["collections"]
    kept: list[list[int]] = [[] for _ in range(objects)]
    return gc.get_stats()[0]["collections"] - before if kept else 0


def test_objects_of_a_batch_start_no_search() -> None:
    gc.set_threshold(700, 10, 10)  # Python's own
    assert searches(50_000) > 10
    tune_garbage_collection()
    assert searches(50_000) <= 1


def test_cyclic_garbage_is_still_collected() -> None:
    tune_garbage_collection()
    before = gc.get_stats()[0]["collected"]
    for _ in range(250_000):
        Node()
    assert gc.get_stats()[0]["collected"] - before >= 100_000


def test_objects_of_the_start_are_not_searched() -> None:
    gc.unfreeze()
    tune_garbage_collection()
    assert gc.get_freeze_count() > 10_000


def test_a_service_serves_with_rare_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def run(server: uvicorn.Server) -> None:
        seen.append(gc.get_threshold()[0])
        server.started = True

    monkeypatch.setattr(uvicorn.Server, "run", run)
    serve(FastAPI(), ProcessSettings(kafka_bootstrap="127.0.0.1:9"))
    assert seen == [100_000]
