"""Typed rows of statements."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

R = TypeVar("R")


async def fetch_rows(
    conn: AsyncConnection, row: Callable[..., R], statement: TextClause, values: Mapping[str, Any]
) -> list[R]:
    """Return the rows of a query, each built by `row` with the columns as keyword arguments."""
    return [row(**found) for found in (await conn.execute(statement, dict(values))).mappings()]
