"""Processes as users run them: the tests' own coverage does not slow them down, so that times and loads are real."""

import os

_TRACING = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")


def untraced(**more: str) -> dict[str, str]:
    """This process' environment without coverage, and with `more`."""
    return {**{name: value for name, value in os.environ.items() if name not in _TRACING}, **more}
