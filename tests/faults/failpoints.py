"""Named failpoints: the moments at which a process dies in the sweep of tests/faults/test_failpoints.py.

`python -m tests.faults.failpoints SERVICE` serves like `python -m SERVICE`. With RATCHET_FAILPOINT=NAME:HITS:FILE the
process writes NAME into FILE and dies with `os._exit` when it passes NAME for the HITS-th time. Methods are wrapped
from outside: the product has no code for failpoints.
"""

import functools
import importlib
import inspect
import os
import runpy
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

_EXIT_CODE = 70
VARIABLE = "RATCHET_FAILPOINT"


@dataclass(frozen=True, slots=True)
class Failpoint:
    """Before or after a call of `method` (`module:Class.method`); for a transaction, before or after its commit."""

    method: str
    when: Literal["before", "after", "before-commit", "after-commit"]
    consumer: str | None = None
    """Restricts the point to objects with this `group`: a SubscriptionConsumer, or its OffsetCommits."""
    in_transaction: bool = False
    """Groups of items are written in a transaction: their writes in one statement are refused."""

    def find_method(self) -> tuple[Any, str]:
        """Return the method's owner and name. Raises AttributeError if the method does not exist."""
        module, _, path = self.method.partition(":")
        *owners, name = path.split(".")
        owner: Any = functools.reduce(getattr, owners, importlib.import_module(module))
        getattr(owner, name)
        return owner, name

    def install(self, die: Callable[[], None]) -> None:
        """Wrap the method so that `die` is called at this point."""
        owner, name = self.find_method()
        method = getattr(owner, name)
        if self.in_transaction:
            setattr(*Failpoint(_WRITE, "before").find_method(), _refuse)
        if "commit" in self.when:
            setattr(owner, name, self._around_commit(method, die))
        else:
            around = self._around if inspect.iscoroutinefunction(method) else self._around_call
            setattr(owner, name, around(method, die))

    def _around_call(self, method: Callable[..., Any], die: Callable[[], None]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*arguments: Any, **named: Any) -> Any:
            if self.when == "before":
                die()
            result = method(*arguments, **named)
            if self.when == "after":
                die()
            return result

        return call

    def _around(self, method: Callable[..., Awaitable[Any]], die: Callable[[], None]) -> Callable[..., Any]:
        @functools.wraps(method)
        async def call(*arguments: Any, **named: Any) -> Any:
            meant = self.consumer is None or arguments[0].group == self.consumer
            if meant and self.when == "before":
                die()
            result = await method(*arguments, **named)
            if meant and self.when == "after":
                die()
            return result

        return call

    def _around_commit(
        self, method: Callable[..., AbstractAsyncContextManager[Any]], die: Callable[[], None]
    ) -> Callable[..., Any]:
        @asynccontextmanager
        async def begin(*arguments: Any, **named: Any) -> AsyncIterator[Any]:
            async with method(*arguments, **named) as transaction:
                yield transaction
                if self.when == "before-commit":
                    die()
            if self.when == "after-commit":
                die()

        return begin


async def _refuse(*_: Any) -> bool:
    """Replace `GroupRepository.write`, as if another instance had written in between."""
    return False


_GROUPS = "collector.storage.group_repository:GroupRepository"
_WRITE = f"{_GROUPS}.write"
_REPOSITORY = "collector.storage.repository:PostgresRepository"
_STORE = "shared.messaging.sql_store:SqlStore"
_CONSUMER = "shared.messaging.consumer:SubscriptionConsumer"
_OFFSETS = "shared.messaging.offsets:OffsetCommits"

INTAKE = {
    "intake.queued": Failpoint("collector.ingest.group_commit:BatchWriter.write", "before"),
    "intake.read": Failpoint(f"{_GROUPS}.read", "after"),
    "intake.written": Failpoint(_WRITE, "after"),
    "intake.claimed": Failpoint(f"{_REPOSITORY}.save_claims", "after", in_transaction=True),
    "intake.executions-stored": Failpoint(f"{_REPOSITORY}.save_executions", "after", in_transaction=True),
    "intake.feedback-stored": Failpoint(f"{_REPOSITORY}.replace_current_feedback", "after", in_transaction=True),
    "intake.emitted": Failpoint(f"{_REPOSITORY}.emit", "after", in_transaction=True),
    "intake.committed": Failpoint("collector.ingest.group_commit:BatchWriter.write", "after"),
}
RELAY = {
    "relay.read": Failpoint(f"{_STORE}.pending", "after"),
    "relay.sent": Failpoint(f"{_STORE}.mark_sent", "before"),
    "relay.marked": Failpoint(f"{_STORE}.mark_sent", "after"),
}


def consumption(consumer: str) -> dict[str, Failpoint]:
    """Return the points that a batch passes in one subscription."""
    return {
        "consumer.received": Failpoint(f"{_CONSUMER}.consume", "before", consumer),
        "consumer.claimed": Failpoint("shared.messaging.sql_store:SqlTx.claim", "after"),
        "consumer.handled": Failpoint(f"{_STORE}.begin", "before-commit"),
        "consumer.committed": Failpoint(f"{_STORE}.begin", "after-commit"),
        "consumer.unacknowledged": Failpoint(f"{_OFFSETS}.add", "before", consumer),
        "consumer.acknowledged": Failpoint(f"{_OFFSETS}.commit", "after", consumer),
    }


_DECISIONS = "gatekeeper.use_cases.decisions"
_NOTIFY = "gatekeeper.delivery.notifier:PromotionNotifier.notify"

DECISION = {
    "decision.recorded": Failpoint(f"{_DECISIONS}:publish_live", "before"),
    "decision.announced": Failpoint(f"{_DECISIONS}:publish_live", "after"),
    "decision.emitted": Failpoint(f"{_DECISIONS}:emit_proposal_decided", "after"),
    "decision.sealed": Failpoint("gatekeeper.use_cases.unit_of_work:UnitOfWork.sign_audit_head", "after"),
    "decision.committed": Failpoint(_NOTIFY, "before"),
    "decision.notified": Failpoint(_NOTIFY, "after"),
}
SWEEP: dict[str, dict[str, Failpoint]] = {
    "collector": INTAKE | RELAY,
    "analyzer": consumption("analyzer.quality"),
    "proposer": consumption("proposer.feedback"),
    "gatekeeper": consumption("gatekeeper.observed"),
}
"""Service → its points under a load of executions and feedback."""


def setting(name: str, hits: int, mark: Path) -> dict[str, str]:
    """Return the environment of a process that shall die at `name`."""
    return {VARIABLE: f"{name}:{hits}:{mark}"}


def _arm(service: str) -> None:
    name, hits, mark = os.environ[VARIABLE].split(":", 2)
    passed = count(1)

    def die() -> None:
        if next(passed) == int(hits):
            Path(mark).write_text(name)
            os._exit(_EXIT_CODE)

    points = SWEEP[service] | (DECISION if service == "gatekeeper" else {})
    points[name].install(die)


def main(service: str) -> None:
    if os.environ.get(VARIABLE):
        _arm(service)
    sys.argv = [service]
    runpy.run_module(service, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
