"""Why a Langfuse server's past can't be read: one line each, which names the server and no key."""

from ratchet.cli.output import Exit


class LangfuseError(Exception):
    """The server answered, but what it said can't be used. `code` is what the command ends with."""

    code = Exit.FAILED


class Unreachable(LangfuseError):
    """No answer came, or none but that it can't answer."""

    code = Exit.UNREACHABLE


class AccessDenied(LangfuseError):
    """The keys may not read there."""

    code = Exit.NOT_AUTHORISED
