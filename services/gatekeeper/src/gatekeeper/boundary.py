"""How the service calls the database's functions: each is a door in the boundary (see migrations/sql)."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.errors import BoundaryError

_REFUSED = "RG001"


async def call_function(conn: AsyncConnection, door: str, *arguments: object) -> Sequence[RowMapping]:
    """The rows that a function of the schema answers with.

    Raises `BoundaryError` when the boundary says no: the transaction is over then, and nothing of it remains.
    """
    names = [
        f":p{place}" if not _is_json(value) else f"CAST(:p{place} AS jsonb)" for place, value in enumerate(arguments)
    ]
    values = {f"p{place}": json.dumps(value) if _is_json(value) else value for place, value in enumerate(arguments)}
    try:
        done = await conn.execute(text(f"SELECT * FROM gatekeeper.{door}({', '.join(names)})"), values)
    except DBAPIError as error:
        if (refused := boundary_error_in(error)) is not None:
            raise refused from None
        raise
    return done.mappings().all()


def boundary_error_in(error: DBAPIError) -> BoundaryError | None:
    """The boundary's refusal inside a database error; None where it is another error."""
    if getattr(error.orig, "sqlstate", None) != _REFUSED:
        return None
    cause: Any = error.orig.__cause__ if error.orig else None
    return BoundaryError(str(getattr(cause, "message", "refused")), str(getattr(cause, "detail", "")))


def _is_json(value: object) -> bool:
    return isinstance(value, dict)
