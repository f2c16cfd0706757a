"""Published sets in memory. They never change, and each lease reads cases of one."""

from collections import OrderedDict

from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.worker_requests import SetKey
from evaluator.storage.published_sets import PublishedSetRepository
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.golden_set import GoldenSet


class LoadedSet:
    """A published set, with its cases by id."""

    def __init__(self, golden_set: GoldenSet) -> None:
        self.golden_set = golden_set
        self.cases: dict[str, GoldenCase] = {case.id: case for case in golden_set.cases}


class PublishedSetCache:
    """The sets that were used last, at most `size`."""

    def __init__(self, size: int = 4) -> None:
        self._size = size
        self._loaded: OrderedDict[SetKey, LoadedSet] = OrderedDict()

    async def get(self, conn: AsyncConnection, published: SetKey) -> LoadedSet:
        """Return a set, read on `conn` if it is not in memory. Raises LookupError if it is not stored."""
        found = self._loaded.get(published)
        if found is None:
            found = LoadedSet(await PublishedSetRepository(conn).load_cases(published))
            self._loaded[published] = found
        self._loaded.move_to_end(published)
        while len(self._loaded) > self._size:
            self._loaded.popitem(last=False)
        return found
