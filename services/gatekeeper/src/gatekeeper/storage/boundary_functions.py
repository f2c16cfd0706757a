"""Call the functions of the database that form the authorisation boundary (see storage/functions)."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar, cast

from sqlalchemy import CursorResult, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.errors import BoundaryError

R = TypeVar("R")
_REFUSED = "RG001"
"""The SQLSTATE of the function `gatekeeper.refuse`."""


async def call_function(conn: AsyncConnection, function: str, *arguments: object) -> None:
    """Call `gatekeeper.<function>(…)`; dictionaries are passed as jsonb.

    Raises BoundaryError if the function refuses the call; the transaction is aborted then.
    """
    await _select(conn, "*", function, arguments)


async def call_for_rows(conn: AsyncConnection, row: Callable[..., R], function: str, *arguments: object) -> list[R]:
    """Call `gatekeeper.<function>(…)` and return its rows as values of the dataclass `row`, whose fields are columns.

    Raises BoundaryError as `call_function` does.
    """
    columns = ", ".join(field.name for field in fields(cast(Any, row)))
    return [row(*values) for values in await _select(conn, columns, function, arguments)]


async def _select(
    conn: AsyncConnection, columns: str, function: str, arguments: tuple[object, ...]
) -> CursorResult[Any]:
    names = [
        f":p{index}" if not isinstance(value, dict) else f"CAST(:p{index} AS jsonb)"
        for index, value in enumerate(arguments)
    ]
    values = {f"p{index}": json.dumps(v) if isinstance(v, dict) else v for index, v in enumerate(arguments)}
    try:
        return await conn.execute(text(f"SELECT {columns} FROM gatekeeper.{function}({', '.join(names)})"), values)
    except DBAPIError as error:
        if (refusal := boundary_error_in(error)) is not None:
            raise refusal from None
        raise


def boundary_error_in(error: DBAPIError) -> BoundaryError | None:
    """Return the refusal of the boundary in a database error; None if it is another error."""
    if getattr(error.orig, "sqlstate", None) != _REFUSED:
        return None
    cause: Any = error.orig.__cause__ if error.orig else None
    return BoundaryError(str(getattr(cause, "message", "refused")), str(getattr(cause, "detail", "")))
