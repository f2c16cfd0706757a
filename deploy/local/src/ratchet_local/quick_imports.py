"""Imports that leave out what a start does not need, which takes a third of their time and memory."""

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_UNUSED = ("opentelemetry.sdk", "pygments", "rich", "watchfiles")
"""httpx, structlog (both: colours), redis (metrics) and uvicorn (reload) import them where they are installed."""

_DEFERRED = ("numpy",)
"""Used by few jobs, such as the selection of examples, and 10 MB."""


class DeferredModule(ModuleType):
    """Stands for a module until one of its attributes is used, and imports it then."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__dict__["_importing"] = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        with self._importing:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
            module = importlib.import_module(self.__name__)
        found = getattr(module, name)
        self.__dict__[name] = found  # the next use is as quick as that of the module
        return found


def defer_modules() -> None:
    """Let `import` of `_DEFERRED` that were not imported yet do nothing until their first use."""
    for name in _DEFERRED:
        sys.modules.setdefault(name, DeferredModule(name))


@contextmanager
def without_unused() -> Iterator[None]:
    """Let imports of `_UNUSED` fail in the block, for which the libraries that import them are prepared."""
    hidden = [name for name in _UNUSED if name not in sys.modules]
    try:
        for name in hidden:
            _hide(name)
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def deferred_models() -> Iterator[None]:
    """Let pydantic complete the models of the block at their first use: each start needs only some."""
    from pydantic import BaseModel

    default = BaseModel.model_config
    BaseModel.model_config = {**default, "defer_build": True}
    try:
        yield
    finally:
        BaseModel.model_config = default


def import_frameworks() -> None:
    """Import FastAPI and FastStream."""
    _hide("pydantic.v1")  # FastAPI looks for pydantic v1 models; there are none
    import fastapi  # noqa: F401
    import faststream.kafka  # noqa: F401


def _hide(module: str) -> None:
    """Let imports of a module that was not imported yet raise ImportError."""
    sys.modules[module] = None  # type: ignore[assignment]
