"""Classification of boto3's errors: whether to retry, and what to store."""

from dataclasses import dataclass

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from collector.domain.pulls.pull_state import ErrorCode

_LIMITED = frozenset(
    ("LimitExceededException", "ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded")
)
_DENIED = frozenset(
    (
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    )
)
_WITHOUT_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.TokenRetrievalError,
    exceptions.SSOError,
)
_LOST = (exceptions.HTTPClientError, exceptions.ConnectionError)
_MAX_MESSAGE = 200


@dataclass(frozen=True, slots=True)
class RequestFailure:
    """What is stored about a failed request. `passes`: a retry may succeed. `reason`: one line, without keys."""

    code: ErrorCode
    reason: str
    passes: bool = False


def explain(error: ClientError | BotoCoreError) -> RequestFailure:
    """Return the meaning of an error of a request. Raises `error` if it is a fault of Ratchet."""
    if isinstance(error, ClientError):
        return _refusal(error)
    if isinstance(error, _WITHOUT_CREDENTIALS):
        return RequestFailure("access-denied", f"there are no credentials for CloudWatch Logs: {_line(str(error))}")
    if isinstance(error, _LOST):
        return RequestFailure("unreachable", f"CloudWatch Logs is unreachable: {type(error).__name__}", passes=True)
    raise error


def _refusal(error: ClientError) -> RequestFailure:
    details = error.response.get("Error", {})
    code = str(details.get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
    message = _line(str(details.get("Message") or details.get("message") or ""))
    shown = f"{code}: {message}" if message else code
    if code in _LIMITED or status == 429:
        return RequestFailure("unreachable", f"CloudWatch Logs limits requests: {shown}", passes=True)
    if code in _DENIED or status in (401, 403):
        return RequestFailure("access-denied", f"CloudWatch Logs denies access: {shown}")
    if status >= 500 or code == "ServiceUnavailableException":
        return RequestFailure("unreachable", f"CloudWatch Logs is not available: {shown}", passes=True)
    return RequestFailure("invalid-answer", f"CloudWatch Logs refuses the query: {shown}")


def _line(text: str) -> str:
    """Return the first line: further ones of a refused signature have the request."""
    return text.strip().partition("\n")[0][:_MAX_MESSAGE]
