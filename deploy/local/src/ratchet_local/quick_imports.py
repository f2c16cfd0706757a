"""Imports without optional terminal libraries, which take a quarter of the start time."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TOOLS = ("pygments", "rich")
"""httpx and structlog import them, for output in colours, where they are installed."""


@contextmanager
def without_tools() -> Iterator[None]:
    """Let imports of `_TOOLS` fail in the block, for which the libraries that import them are prepared."""
    hidden = [name for name in _TOOLS if name not in sys.modules]
    try:
        for name in hidden:
            _hide(name)
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def import_frameworks() -> None:
    """Import FastAPI and FastStream; pydantic completes their models of API documents at the first use."""
    from pydantic import BaseModel

    _hide("pydantic.v1")  # FastAPI looks for pydantic v1 models; there are none
    default = BaseModel.model_config
    BaseModel.model_config = {**default, "defer_build": True}
    try:
        import fastapi  # noqa: F401
        import faststream.kafka  # noqa: F401
    finally:
        BaseModel.model_config = default


def _hide(module: str) -> None:
    """Let imports of a module that was not imported yet raise ImportError."""
    sys.modules[module] = None  # type: ignore[assignment]
