"""Errors of event handlers, by whether processing the same event again may succeed."""


class Retryable(Exception):
    """The same event may succeed later: something that it needs is unavailable now."""


class Permanent(Exception):
    """The same event can never succeed: it becomes a dead letter at once.

    Operators see the error's text: write codes and names of declared fields in it, and nothing that a sender wrote.
    """


class Malformed(Permanent):
    """The message cannot be decoded as the event that its headers name."""


class UnknownMajor(Permanent):
    """The event's type or major version is unknown to this version of the code."""


def reason_of(error: BaseException) -> str:
    """Return the reason code of a dead letter."""
    if isinstance(error, UnknownMajor):
        return "unknown-type"
    if isinstance(error, Malformed):
        return "malformed"
    return "permanent" if isinstance(error, Permanent) else "exhausted"
