"""Classification of failures: which errors of the database and the network may succeed later."""

from enum import Enum

import asyncpg
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import Permanent, Retryable


class FailureClass(Enum):
    """How a failure is handled.

    Events: retryable → back-off without limit; permanent → dead letter; unknown → bounded retry, then dead letter.
    HTTP: retryable → 503 for the whole request; unknown → each item is tried alone.
    """

    RETRYABLE = "retryable"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"


_DATA_CLASSES = ("22", "23")
"""SQLSTATE: a value that PostgreSQL can't hold (22), or one that breaks a constraint (23)."""

_STATEMENT_CLASSES = ("54", "P0", "RG")
"""SQLSTATE: a limit that depends on the values (54, such as an index entry too long), what a function raised (P0), and
the gatekeeper's boundary (RG)."""

_CONTENTION = ("40", "55P03", "57014")
"""SQLSTATE: conflict with another transaction, or a timeout while waiting for it. The connection stays usable."""

DRIVER_ERRORS: tuple[type[Exception], ...] = (
    DBAPIError,
    PendingRollbackError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""Errors of SQLAlchemy, and those of asyncpg that SQLAlchemy does not wrap."""


def classify(error: BaseException) -> FailureClass:
    """Classify an error of a handler, the database or the network.

    An error of the database is retryable unless it is known to come from the values: a server that is read-only, full,
    damaged, badly configured or restarting does not depend on the event.
    """
    if isinstance(error, Permanent):
        return FailureClass.PERMANENT
    if isinstance(error, Retryable | PoolTimeout | ConnectionError | TimeoutError | OSError):
        return FailureClass.RETRYABLE
    if isinstance(error, DRIVER_ERRORS):
        known = sqlstate_of(error).startswith(_DATA_CLASSES + _STATEMENT_CLASSES)
        return FailureClass.UNKNOWN if known else FailureClass.RETRYABLE
    return FailureClass.UNKNOWN


def is_data_fault(error: BaseException) -> bool:
    """Return whether PostgreSQL or its driver refused the values themselves: they can never be stored."""
    return isinstance(error, DRIVER_ERRORS) and sqlstate_of(error).startswith(_DATA_CLASSES)


def is_connection_doubtful(error: BaseException) -> bool:
    """Return whether another connection may succeed: the server is read-only, or the error is not about the values."""
    return classify(error) is FailureClass.RETRYABLE and not sqlstate_of(error).startswith(_CONTENTION)


def sqlstate_of(error: BaseException) -> str:
    """Return PostgreSQL's five-character error code; empty if there is none."""
    driver = getattr(error, "orig", None) or error
    return str(getattr(driver, "sqlstate", None) or "")
