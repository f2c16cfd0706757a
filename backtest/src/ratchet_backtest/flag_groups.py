"""Flags of a command as fields of dataclasses, because a signature with all of them is hard to read."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any


def expand_flag_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with each field of its parameters, which are dataclasses, as a parameter of its own.

    Typer reads the expanded signature; `command` gets one instance of each dataclass.
    """
    groups = {name: group.annotation for name, group in inspect.signature(command).parameters.items()}
    flags = [field for group in groups.values() for field in fields(group)]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        command(**{name: group(**{f.name: given[f.name] for f in fields(group)}) for name, group in groups.items()})

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(f.name, keyword, default=f.default, annotation=f.type) for f in flags]
    run.__signature__ = inspect.Signature(parameters, return_annotation=None)  # type: ignore[attr-defined]
    run.__annotations__ = {flag.name: flag.type for flag in flags}
    return run
