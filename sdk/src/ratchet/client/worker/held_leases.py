"""The leases that a worker holds, and the answers that it has not delivered yet. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ratchet.client.worker.leased_tasks import LeaseKey

MAX_BATCH = 100
"""Answers in a request."""
MAX_BATCH_BYTES = 800_000


@dataclass(frozen=True, slots=True)
class EncodedAnswer:
    """An answer with the lease that it belongs to, as JSON. `substitute`: it replaces one that the server refused."""

    key: LeaseKey
    body: bytes
    substitute: bool = False


class HeldLeases:
    """Leases by task and token, so that an answer is only ever sent under the token that its call was leased with.

    A lease is running, then unsent, until it was delivered or is lost.
    """

    def __init__(self) -> None:
        self._running: set[LeaseKey] = set()
        self._unsent: dict[LeaseKey, EncodedAnswer] = {}
        self.lost = 0
        """The number of leases that were lost."""

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def unsent(self) -> int:
        return len(self._unsent)

    @property
    def keys(self) -> list[LeaseKey]:
        """The leases to extend."""
        return [*self._running, *self._unsent]

    def add(self, key: LeaseKey) -> list[LeaseKey]:
        """Add a running lease; return those of the same task, which are lost with it."""
        former = [held for held in self.keys if held.task_id == key.task_id and held != key]
        self.drop(former)
        self._running.add(key)
        return former

    def holds(self, key: LeaseKey) -> bool:
        """Return whether a lease is neither delivered nor lost."""
        return key in self._running or key in self._unsent

    def put_answer(self, answer: EncodedAnswer) -> None:
        """Keep an answer until it is delivered; that of a lost lease is dropped."""
        if self.holds(answer.key):
            self._running.discard(answer.key)
            self._unsent[answer.key] = answer

    def drop(self, lost: Iterable[LeaseKey]) -> None:
        """Forget lost leases, and their answers."""
        for key in lost:
            self.lost += self.holds(key)
            self._forget(key)

    def deliver(self, sent: Sequence[EncodedAnswer], lost_ids: frozenset[str]) -> int:
        """Forget answers that the server has answered for; return how many of them were not lost."""
        delivered = 0
        for answer in sent:
            if answer.key.task_id in lost_ids:
                self.drop([answer.key])
            else:
                delivered += self.holds(answer.key)
                self._forget(answer.key)
        return delivered

    def next_batch(self, most: int = MAX_BATCH) -> list[EncodedAnswer]:
        """Return the first unsent answers, at most `most` and 800 kB, at least one if there is any."""
        batch: list[EncodedAnswer] = []
        size = 0
        for answer in self._unsent.values():
            size += len(answer.body)
            if batch and (len(batch) == most or size > MAX_BATCH_BYTES):
                break
            batch.append(answer)
        return batch

    def _forget(self, key: LeaseKey) -> None:
        self._running.discard(key)
        self._unsent.pop(key, None)
