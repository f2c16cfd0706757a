"""Roles of the columns of a file: given by flags, else inferred from names and cells."""

from collections.abc import Sequence
from typing import Any

from analyzer.domain.segments.dimensions import DEFAULTS
from ratchet.tables import BadFile, Sample
from ratchet_backtest.column_roles import (
    ColumnChoice,
    ColumnReader,
    ColumnRoles,
    RoleAssignment,
    listed,
    normalized_name,
)
from ratchet_backtest.time_columns import find_time_column
from ratchet_backtest.value_column_choice import find_value_columns
from shared.metric_catalog import tokens

_VERSIONS = (
    *("prompt version", "version", "prompt digest", "prompt id", "prompt hash", "prompt label", "prompt name"),
    *("variant", "arm", "experiment", "experiment name"),
)
_MODELS = ("model", "model name", "model id", "llm", "llm model", "provider id")
_TARGETS = ("target", "app", "application", "service", "endpoint")
_USERS = ("user", "user id", "user hash", "customer", "customer id")
_INPUTS = ("input", "question", "query", "user input", "user message")


def resolve_columns(
    sample: Sample, given: ColumnChoice, format_name: str | None = None, whole: ColumnReader | None = None
) -> ColumnRoles:
    """Return the role of each column.

    `format_name` is the given time format. `whole` reads more cells of a column than the sample has. Raises BadFile if
    a given column does not exist or no column has values, Doubt if several are equally likely.
    """
    if not sample.columns:
        raise BadFile("the file has no readable row")
    if not any(sample.columns.values()):
        raise BadFile(f"the file has no readable row below the header: {listed(sample.columns)}")
    for name in given.named():
        if name not in sample.columns:
            raise BadFile(f"there is no column {name}; the columns are {listed(sample.columns)}")
    roles = RoleAssignment(sample, given)
    time, untimed = find_time_column(roles, given.time, format_name, whole or sample.known)
    version = roles.find("version", given.version, _VERSIONS, _holds_names)
    model = roles.find("model", given.model, _MODELS, _holds_names)
    target = roles.find("target", given.target, _TARGETS, _holds_names)
    text = roles.find("input", given.input, _INPUTS, _holds_texts)
    user = roles.find("user", given.user, _USERS, _holds_names)
    segments = given.segments or _find_segments(roles)
    values = given.values or find_value_columns(sample, roles.free)
    if not given.values:
        roles.guessed["values" if len(values) > 1 else "value"] = ", ".join(values)
    unused = tuple(name for name in roles.free if name not in values)
    return ColumnRoles(time, values, target, version, model, text, segments, user, roles.guessed, unused, untimed)


def _find_segments(roles: RoleAssignment) -> tuple[str, ...]:
    """Return the columns that are named like dimensions which the analyzer knows."""
    known = {" ".join(tokens(alias)) for name, aliases in DEFAULTS.items() if name != "model" for alias in aliases}
    found = [name for name in roles.free if normalized_name(name) in known and roles.sample.known(name)]
    if found:
        roles.guessed["segments"] = ", ".join(found)
    for name in found:
        roles.free.remove(name)
    return tuple(found)


def _holds_names(cells: Sequence[Any]) -> bool:
    return bool(cells) and not isinstance(cells[0], dict | list)


def _holds_texts(cells: Sequence[Any]) -> bool:
    return bool(cells) and all(type(cell) is str for cell in cells)
