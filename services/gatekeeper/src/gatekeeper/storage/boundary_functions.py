"""Call the functions of the database that form the authorisation boundary (see storage/functions)."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.errors import BoundaryError

_REFUSED = "RG001"
"""The SQLSTATE of the function `gatekeeper.refuse`."""


async def call_function(conn: AsyncConnection, function: str, *arguments: object) -> Sequence[RowMapping]:
    """Return the rows of `gatekeeper.<function>(…)`; dictionaries are passed as jsonb.

    Raises BoundaryError if the function refuses the call; the transaction is aborted then.
    """
    names = [
        f":p{index}" if not isinstance(value, dict) else f"CAST(:p{index} AS jsonb)"
        for index, value in enumerate(arguments)
    ]
    values = {f"p{index}": json.dumps(v) if isinstance(v, dict) else v for index, v in enumerate(arguments)}
    try:
        result = await conn.execute(text(f"SELECT * FROM gatekeeper.{function}({', '.join(names)})"), values)
    except DBAPIError as error:
        if (refusal := boundary_error_in(error)) is not None:
            raise refusal from None
        raise
    return result.mappings().all()


def boundary_error_in(error: DBAPIError) -> BoundaryError | None:
    """Return the refusal of the boundary in a database error; None if it is another error."""
    if getattr(error.orig, "sqlstate", None) != _REFUSED:
        return None
    cause: Any = error.orig.__cause__ if error.orig else None
    return BoundaryError(str(getattr(cause, "message", "refused")), str(getattr(cause, "detail", "")))
