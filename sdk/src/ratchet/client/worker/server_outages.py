"""How long a worker has not been served, and when it gives up."""

from collections.abc import Callable

from ratchet.client.worker.evaluation_api import RefusedRequest, UnavailableServer
from ratchet.errors import ServerUnreachable, WorkerRefused

_LACKS_SCOPE = 403
"""An unknown key may become known to the server; a known one gets no other scopes."""

Report = Callable[[str], None]
"""Shows a line about the worker."""


class ServerOutage:
    """Reports each new reason once, and the end of an outage. Not thread-safe."""

    def __init__(self, report: Report, patience_s: float | None) -> None:
        """`patience_s`: seconds without being served after which `note` raises; None: never."""
        self._report, self._patience_s = report, patience_s
        self._since: float | None = None
        self._reason: str | None = None
        self._served = False

    def note(self, error: UnavailableServer | RefusedRequest, now: float) -> None:
        """Note that a lease failed at `now` (monotonic seconds).

        Raises WorkerRefused for refusals that last, and at once for a key without the scope. Raises ServerUnreachable
        for a server that never responded; one that did is waited for.
        """
        self._since = now if self._since is None else self._since
        if self._patience_s is not None:
            lasts = now - self._since >= self._patience_s
            if isinstance(error, RefusedRequest) and (lasts or error.status == _LACKS_SCOPE):
                raise WorkerRefused(str(error), error.status)
            if lasts and not self._served:
                raise ServerUnreachable(str(error))
        if str(error) != self._reason:
            self._reason = str(error)
            self._report(f"no cases can be leased: {error}; trying again")

    def end(self) -> None:
        """Note that the server responded."""
        if self._reason is not None or not self._served:
            self._report("connected: waiting for cases" if not self._served else "connected again")
        self._served, self._since, self._reason = True, None, None
