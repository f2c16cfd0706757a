"""The environment of processes without coverage measurement, so that their timings are realistic."""

import os

_TRACING = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")


def environment_without_coverage(**more: str) -> dict[str, str]:
    """Return this process' environment without coverage, with `more` added."""
    return {**{name: value for name, value in os.environ.items() if name not in _TRACING}, **more}
