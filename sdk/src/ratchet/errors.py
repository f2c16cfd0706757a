"""The errors that the SDK raises: a closed set, each with a `code` for logs and metrics. Pure."""

from typing import ClassVar, Literal

ErrorCode = Literal[
    "invalid-configuration",
    "not-configured",
    "missing-target",
    "no-prompt",
    "invalid-prompt",
    "unsupported-client",
    "worker-refused",
    "server-unreachable",
    "function-hangs",
]


class RatchetError(Exception):
    """The base class of all errors of the SDK. Network faults raise none but those of `EvaluationWorker.run`."""

    code: ClassVar[ErrorCode]


class ConfigurationError(RatchetError, ValueError):
    """The URL, the key or a public key is missing or malformed. The message contains no secret."""

    code = "invalid-configuration"


class NotConfigured(RatchetError, RuntimeError):
    """`get_client` was called before `configure`."""

    code = "not-configured"


class MissingTarget(RatchetError, ValueError):
    """`record` was given neither a target nor a served prompt."""

    code = "missing-target"


class NoPrompt(RatchetError, LookupError):
    """No version is live or the server is unavailable, and the app gave no default."""

    code = "no-prompt"


class UnsupportedClient(RatchetError, TypeError):
    """The object given to an adapter is not such a client, or its package is not installed."""

    code = "unsupported-client"


class WorkerRefused(RatchetError, RuntimeError):
    """The server refuses an evaluation worker: its key is unknown or lacks the scope, or the address is another's."""

    code = "worker-refused"

    def __init__(self, reason: str, status: int) -> None:
        """`status`: that of the response."""
        super().__init__(reason)
        self.status = status


class ServerUnreachable(RatchetError, ConnectionError):
    """The server of an evaluation worker has never responded."""

    code = "server-unreachable"


class HangingFunction(RatchetError, RuntimeError):
    """Too many calls of an evaluation worker's function hang after their time-outs: start a new process."""

    code = "function-hangs"
