"""Names of wrong fields for operators: only those that the code declares, none that a sender chose."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

_UNDECLARED = "(undeclared)"
"""Stands for an unknown field or a key of an object, and for what is below it: a sender may have put a text there."""
_PART = re.compile(r"([A-Za-z_]+)(?:\[\d{1,4}\])*")


def declared_names(*models: type[BaseModel]) -> frozenset[str]:
    """Return the names of the fields of `models` and of the models inside them."""
    return frozenset(name for model in models for name in _names(model.model_json_schema()))


def declared_path(path: str, names: frozenset[str]) -> str:
    """Return `path`, such as `prompts[0].name`, up to its first part that is none of `names`."""
    kept: list[str] = []
    for part in path.split("."):
        match = _PART.fullmatch(part)
        if match is None or match[1] not in names:
            return ".".join([*kept, _UNDECLARED])
        kept.append(part)
    return path


def _names(schema: dict[str, Any]) -> Iterator[str]:
    for model in (schema, *schema.get("$defs", {}).values()):
        yield from model.get("properties", ())
