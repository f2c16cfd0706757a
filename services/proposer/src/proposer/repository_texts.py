"""Compares the texts of repositories with the versions in use."""

from datetime import timedelta

from proposer.domain.json_strings import UnusableFile
from proposer.domain.prompt_files import has_text
from proposer.forges.port import ForgeError
from proposer.forges.repositories import Repositories
from proposer.storage.repository import ProposerRepository
from shared.messaging.store import Store
from shared.runtime.clock import Clock


class RepositoryTexts:
    """Compares each declared home every `poll`, in one instance at a time."""

    def __init__(self, store: Store, clock: Clock, repositories: Repositories, poll: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._repositories = repositories
        self._poll = poll

    async def declare_homes(self) -> None:
        """Save the declared homes, whose texts are compared from now on."""
        async with self._store.begin() as tx:
            texts = ProposerRepository(tx.conn).repository_texts
            await texts.declare(self._repositories.homes.values(), self._clock.now())

    async def compare_next(self) -> bool:
        """Compare the text of a repository that is due with the version in use; return False if none is due."""
        now = self._clock.now()
        async with self._store.begin() as tx:
            due = await ProposerRepository(tx.conn).repository_texts.claim(now, self._poll)
        if due is None:
            return False
        key, prompt = due
        home = self._repositories.homes.get(key)
        if home is None or prompt is None:
            return True
        base_sha, same, fault = None, None, None
        try:
            found = await self._repositories.forges[home.forge].read_file(home)
            base_sha = found.base_sha
            same = has_text(found.content, home, prompt)
        except (ForgeError, UnusableFile) as error:
            fault = str(error)
        async with self._store.begin() as tx:
            texts = ProposerRepository(tx.conn).repository_texts
            await texts.save(key, prompt.digest, base_sha, same, fault, now)
        return True
