"""What the files here share: the key columns of a prompt."""

from typing import Any

from sqlalchemy import ColumnElement, Table, and_

from proposer.domain.model import PromptKey


def key_columns(key: PromptKey) -> dict[str, str]:
    """The key's columns with their values."""
    return {"project": key.project, "environment": key.environment, "name": key.name}


def matches_key(table: Table, key: PromptKey) -> ColumnElement[bool]:
    """The condition that a row of `table` belongs to the prompt."""
    return and_(*(table.c[column] == value for column, value in key_columns(key).items()))


def key_from_row(row: Any) -> PromptKey:
    """The prompt that an event or a row is about."""
    return PromptKey(row.project, row.environment, row.name)
