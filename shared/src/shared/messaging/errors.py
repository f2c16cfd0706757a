"""What a failure means for the event that met it."""

from enum import Enum

import asyncpg
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class Retryable(Exception):
    """Raise it where the same event may succeed later: something it needs is away for now."""


class Permanent(Exception):
    """Raise it where the same event can never succeed: it goes to the dead letters at once."""


class Malformed(Permanent):
    """The message can't be read as the event it says it is."""


class UnknownMajor(Permanent):
    """The event is of a type or a major version that this code does not know: parked until it does."""


class FailureClass(Enum):
    """retryable → back-off without end; permanent → dead letter; unknown → bounded retry, then dead letter.

    Over HTTP: retryable → 503 for the whole request; unknown → the item is looked at alone.
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
"""SQLSTATE: lost against another transaction, or waited too long for it. The connection is as good as before."""

DRIVER_ERRORS: tuple[type[Exception], ...] = (
    DBAPIError,
    PendingRollbackError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What SQLAlchemy raises, and what asyncpg raises past it."""


def classify(error: BaseException) -> FailureClass:
    """The class of an error that a handler, the database or the network raised.

    An error of the database is retryable unless it is known to come from the values: a server that is read-only, full,
    damaged, badly configured or restarting says nothing about the event that met it.
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
    """Whether PostgreSQL, or its driver, refused the values themselves: the same values can never be stored."""
    return isinstance(error, DRIVER_ERRORS) and sqlstate_of(error).startswith(_DATA_CLASSES)


def is_connection_doubtful(error: BaseException) -> bool:
    """Whether another connection may do better: this one's server is read-only, or the error isn't about the values."""
    return classify(error) is FailureClass.RETRYABLE and not sqlstate_of(error).startswith(_CONTENTION)


def sqlstate_of(error: BaseException) -> str:
    """The five characters of PostgreSQL's error code; empty where there is none."""
    driver = getattr(error, "orig", None) or error
    return str(getattr(driver, "sqlstate", None) or "")


def reason_of(error: BaseException) -> str:
    """The reason code that a dead letter carries."""
    if isinstance(error, UnknownMajor):
        return "unknown-type"
    if isinstance(error, Malformed):
        return "malformed"
    return "permanent" if isinstance(error, Permanent) else "exhausted"
