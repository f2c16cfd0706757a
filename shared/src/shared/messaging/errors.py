"""What a failure means for the event that met it."""

import asyncio
from enum import Enum

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
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
    """retryable → back-off without end; permanent → dead letter; unknown → bounded retry, then dead letter."""

    RETRYABLE = "retryable"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"


# PostgreSQL error classes in which nothing is wrong with the statement: connection (08), rolled back (40),
# resources (53), intervention (57), system (58), lock not available (55P03), read-only standby (25006).
_PASSING = ("08", "40", "53", "57", "58")
_PASSING_CODES = frozenset({"55P03", "25006", "25P03"})


def classify(error: BaseException) -> FailureClass:
    """The class of an error that a handler, the database or the network raised."""
    if isinstance(error, Permanent):
        return FailureClass.PERMANENT
    if isinstance(error, Retryable | PoolTimeout | ConnectionError | asyncio.TimeoutError | OSError):
        return FailureClass.RETRYABLE
    if isinstance(error, DBAPIError):
        return _classify_database(error)
    return FailureClass.UNKNOWN


def _classify_database(error: DBAPIError) -> FailureClass:
    state = getattr(error.orig, "sqlstate", None) or ""
    if error.connection_invalidated or state.startswith(_PASSING) or state in _PASSING_CODES:
        return FailureClass.RETRYABLE
    if not state and isinstance(error, OperationalError | InterfaceError):
        return FailureClass.RETRYABLE
    return FailureClass.UNKNOWN


def reason_of(error: BaseException) -> str:
    """The reason code that a dead letter carries."""
    if isinstance(error, UnknownMajor):
        return "unknown-type"
    if isinstance(error, Malformed):
        return "malformed"
    return "permanent" if isinstance(error, Permanent) else "exhausted"
