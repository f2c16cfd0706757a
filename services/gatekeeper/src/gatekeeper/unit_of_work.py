"""What every route that changes something needs: who asks, one transaction, and the ring of the bell after it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from fastapi import Request
from sqlalchemy.exc import DBAPIError

from gatekeeper.boundary import boundary_error_in
from gatekeeper.delivery.notifier import PromotionNotifier
from gatekeeper.keys.signer import Signer
from gatekeeper.transaction import UnitOfWork
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import Clock
from shared.web.authentication import authorization


@dataclass(frozen=True, slots=True)
class UnitOfWorkFactory:
    """`lifetime` is how long an approval may wait for its promotion; `policy` is written into each decision."""

    store: SqlStore
    clock: Clock
    signer: Signer
    bell: PromotionNotifier
    lifetime: timedelta
    policy: str

    @asynccontextmanager
    async def change(self, request: Request) -> AsyncIterator[UnitOfWork]:
        """A change that commits at the end of the block; what went live is pushed right after the commit."""
        correlation = request.headers.get("x-correlation-id", "")[:100]
        if not correlation.isascii() or not correlation.isprintable() or not correlation:
            correlation = str(uuid4())
        async with self.begin(correlation) as change:
            yield change

    @asynccontextmanager
    async def begin(self, correlation: str | None = None) -> AsyncIterator[UnitOfWork]:
        """As `change`, for work that no request waits for. Raises Refused also for what is refused at the commit."""
        try:
            async with self.store.begin() as tx:
                change = UnitOfWork(tx, self.signer, self.clock.now(), correlation or str(uuid4()))
                yield change
        except DBAPIError as error:
            if (refused := boundary_error_in(error)) is not None:
                raise refused from None
            raise
        if change.lives:
            await self.bell.ring(change.lives)


def raw_key(request: Request) -> str:
    """The key as the caller sent it: the boundary checks it again, itself."""
    return (authorization(request) or "").partition(" ")[2].strip()
