"""Errors of the Langfuse client: one-line messages that name the server and never a key."""


class LangfuseError(Exception):
    """The answer of the server is invalid."""


class Unreachable(LangfuseError):
    """The server did not answer, or answered with a server error."""


class LangfuseAccessDenied(LangfuseError):
    """The keys lack permission."""


class NotFound(LangfuseError):
    """The server does not have the path."""


class AnswerTooLarge(LangfuseError):
    """An answer has more bytes than the caller accepts; fewer items may be asked for."""
