"""Errors of the Langfuse client: one-line messages that name the server and never a key."""

from ratchet.cli.output import Exit


class LangfuseError(Exception):
    """The answer of the server is invalid. `code` is the exit code of the command."""

    code = Exit.FAILED


class Unreachable(LangfuseError):
    """The server did not answer, or answered with a server error."""

    code = Exit.UNREACHABLE


class LangfuseAccessDenied(LangfuseError):
    """The keys lack permission."""

    code = Exit.NOT_AUTHORISED
