"""Errors that say what a failure means for the event that met it."""


class Retryable(Exception):
    """Raised where the same event may succeed later: something that it needs is not available now."""


class Permanent(Exception):
    """Raised where the same event can never succeed: it becomes a dead letter at once."""


class Malformed(Permanent):
    """The message cannot be read as the event that its headers name."""


class UnknownMajor(Permanent):
    """The event's type or major version is unknown to this code: it waits as a dead letter until it is known."""


def reason_of(error: BaseException) -> str:
    """Return the reason code that a dead letter carries."""
    if isinstance(error, UnknownMajor):
        return "unknown-type"
    if isinstance(error, Malformed):
        return "malformed"
    return "permanent" if isinstance(error, Permanent) else "exhausted"
