"""Opens pull requests and follows them: claim, ask the forge, save. No transaction is open while the forge answers."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta

from proposer.domain.boundary_checks import BoundaryCheck, DraftState, check_boundary, check_draft, first_failed
from proposer.domain.cycle_artifacts import cycle_artifacts
from proposer.domain.cycle_report import report_file, rollback_file
from proposer.domain.json_strings import UnusableFile
from proposer.domain.prompt_files import ChangedElsewhere, apply_proposal
from proposer.domain.prompt_homes import PromptHome
from proposer.domain.pull_request_text import commit_message, description, title
from proposer.domain.pull_requests import PullRequest, PullRequestState, may_open, retry_after
from proposer.domain.repository_paths import path_fault
from proposer.forges.port import Forge, ForgeError, OpenedPullRequest, ProposedCommit, PullRequestStatus, RepositoryFile
from proposer.forges.repositories import Repositories
from proposer.proposal_service import ProposalService
from proposer.repository_texts import RepositoryTexts
from proposer.storage.report_folder import ReportFolder
from proposer.storage.repository import ProposerRepository
from ratchet.prompt import parse
from shared.messaging.store import Store
from shared.runtime.background import run_every
from shared.runtime.clock import Clock
from shared.runtime.log import logger

_PLANNED = DraftState(draft=True, auto_merge=False)
_SETTLED_S = 3600.0
_EVERY_S = 2.0


class PullRequestWorker:
    """Works on pull requests that are due. Any number of instances may run: see `storage.pull_requests`."""

    def __init__(
        self,
        store: Store,
        service: ProposalService,
        clock: Clock,
        repositories: Repositories,
        poll_seconds: float,
        reports: ReportFolder | None = None,
    ) -> None:
        self._store = store
        self._service = service
        self._clock = clock
        self._repositories = repositories
        self._reports = reports
        self._poll = timedelta(seconds=poll_seconds)
        self.texts = RepositoryTexts(store, clock, repositories, self._poll)

    async def run(self) -> int:
        """Work on every pull request that is due, then compare the texts that are due; return how many were due."""
        count = 0
        while await self.run_next():
            count += 1
        while await self.texts.compare_next():
            count += 1
        return count

    async def run_forever(self) -> None:
        """Work on what is due, every few seconds until cancelled."""
        await self.texts.declare_homes()

        async def work() -> None:
            await self.run()

        await run_every(_EVERY_S, work)

    async def run_next(self) -> bool:
        """Work on the pull request that is due longest; return False if none is due."""
        async with self._store.begin() as tx:
            pull = await ProposerRepository(tx.conn).pull_requests.claim(self._clock.now())
        if pull is None:
            return False
        wait: timedelta | None = self._poll
        try:
            done = await self._advance(pull)
            if done.state == "pending":
                wait = max(done.evaluate_until - self._clock.now(), timedelta(seconds=1))
            done = replace(done, attempts=0)
        except ForgeError as error:
            wait = retry_after(error.kind, pull.attempts, error.retry_after)
            given_up = wait is None and pull.state == "pending"
            done = replace(pull, state="failed" if given_up else pull.state, reason=str(error))
        await self._save(pull, done, wait or timedelta(seconds=_SETTLED_S))
        return True

    async def _save(self, before: PullRequest, pull: PullRequest, wait: timedelta) -> None:
        now = self._clock.now()
        async with self._store.begin() as tx:
            saved = await ProposerRepository(tx.conn).pull_requests.save(pull, now + wait, now)
            if not saved:
                logger(__name__).warning("another instance works on this pull request", proposal=str(pull.proposal_id))
            elif pull.state == "closed":
                await self._service.withdraw_closed(tx, pull.key, pull.target, pull.proposal_id)
        if saved and pull.state != before.state:
            logger(__name__).info(
                "pull request", proposal=str(pull.proposal_id), state=pull.state, url=pull.url, reason=pull.reason
            )

    async def _advance(self, pull: PullRequest) -> PullRequest:
        home = self._repositories.homes.get(pull.key)
        if home is None:
            return _ended(pull, "withdrawn", "the prompt has no home in the file of repositories any more")
        forge = self._repositories.forges[home.forge]
        try:
            if pull.state == "pending":
                return await self._open(pull, home, forge)
            return await self._follow(pull, home, forge)
        except ChangedElsewhere as error:
            await self._close(pull, home, forge, str(error))
            return _ended(pull, "withdrawn", str(error))
        except UnusableFile as error:
            await self._close(pull, home, forge, str(error))
            return _ended(pull, "unsupported", str(error))

    async def _open(self, pull: PullRequest, home: PromptHome, forge: Forge) -> PullRequest:
        if not pull.is_wanted and pull.attempts <= 1:
            return _ended(pull, "withdrawn", pull.reason)
        if not may_open(pull, self._clock.now()):
            return replace(pull, reason="waits for the evaluation of the proposal")
        checks = await self._check(pull, home)
        pull = replace(pull, checks=checks)
        if stop := _stop_reason(pull, home):
            return _ended(pull, "stopped", stop)
        found = await forge.read_file(home)
        content = self._new_content(pull, home, found)
        if content == found.content:
            return _ended(pull, "withdrawn", "the repository has the proposed text already")
        pull = replace(pull, base_sha=found.base_sha)
        opened = await forge.open(home, self._commit(pull, home, found, content))
        pull = replace(
            pull, state="open", reason=None, number=opened.number, url=opened.url, head_sha=opened.head_sha,
            file_digest=_digest(found.content), body_digest=_digest(self._body(pull, home).encode()),
            checks=(*checks[:-1], check_draft(opened.state)),
        )  # fmt: skip
        if failed := first_failed(pull.checks):
            await self._close(pull, home, forge, f"Stopped: {failed.evidence}.")
            return _ended(pull, "stopped", f"{failed.name}: {failed.evidence}")
        return pull

    async def _follow(self, pull: PullRequest, home: PromptHome, forge: Forge) -> PullRequest:
        status = await forge.get(home, _opened(pull), pull.branch)
        if status.state == "merged":
            return _ended(pull, "merged", "merged" if status.by is None else f"merged by {status.by}")
        if status.state == "closed":
            return _ended(pull, "closed", "closed on the forge" if status.by is None else f"closed by {status.by}")
        if stop := _unwanted_reason(pull):
            await self._close(pull, home, forge, stop)
            return _ended(pull, "withdrawn", stop)
        pull = replace(pull, reason=None)
        pull = await self._follow_base(pull, home, forge, status)
        body = self._body(pull, home)
        if (digest := _digest(body.encode())) != pull.body_digest:
            await forge.edit(home, _opened(pull), body)
            pull = replace(pull, body_digest=digest)
        return pull

    async def _follow_base(
        self, pull: PullRequest, home: PromptHome, forge: Forge, status: PullRequestStatus
    ) -> PullRequest:
        """Rebase the commit if the file changed on the base branch; leave a branch that others committed to."""
        if status.head_sha != pull.head_sha:
            return replace(pull, reason="others have committed to the branch, so it is left as it is")
        found = await forge.read_file(home)
        if _digest(found.content) == pull.file_digest:
            return pull
        content = self._new_content(pull, home, found)
        pull = replace(pull, base_sha=found.base_sha, file_digest=_digest(found.content))
        assert status.head_sha is not None
        head = await forge.recommit_on_base(home, self._commit(pull, home, found, content), status.head_sha)
        return replace(pull, head_sha=head)

    async def _check(self, pull: PullRequest, home: PromptHome) -> tuple[BoundaryCheck, ...]:
        async with self._store.begin() as tx:
            repository = ProposerRepository(tx.conn)
            is_stored = await repository.pull_requests.has_rollback(pull.key, pull.proposal.rollback_digest)
            tuning = await repository.tuning.get(pull.key.project, pull.key.environment, pull.target)
        declared = self._repositories.declared.get((pull.key.project, pull.key.environment, pull.target))
        stored = await self._store_copy(pull) if is_stored else None
        return check_boundary(pull.proposal, home, declared, tuning.data, stored, _PLANNED)

    async def _store_copy(self, pull: PullRequest) -> str | None:
        """Write the report and the rollback copy, and return where the copy is; None if it can't be read back."""
        if self._reports is None:
            return "in the proposer's database"
        name, content = rollback_file(pull)
        try:
            for each in (*filter(None, (report_file(pull), (name, content))), *cycle_artifacts(pull)):
                await asyncio.to_thread(self._reports.write, *each)
        except OSError as error:
            raise ForgeError("unavailable", f"the rollback copy can't be written: {error.strerror}") from error
        return name if await asyncio.to_thread(self._reports.read, name) == content else None

    def _new_content(self, pull: PullRequest, home: PromptHome, found: RepositoryFile) -> bytes:
        assert pull.proposal.rollback is not None
        base, result = parse(pull.proposal.rollback), parse(pull.proposal.document)
        return apply_proposal(found.content, home, base, result)

    def _commit(self, pull: PullRequest, home: PromptHome, found: RepositoryFile, content: bytes) -> ProposedCommit:
        body = self._body(pull, home)
        at = pull.created_at
        return ProposedCommit(pull.branch, found.base_sha, content, title(pull), commit_message(pull), body, at)

    def _body(self, pull: PullRequest, home: PromptHome) -> str:
        found = report_file(pull) if self._reports is not None else None
        return description(pull, home, pull.checks, found[0] if found else None)

    async def _close(self, pull: PullRequest, home: PromptHome, forge: Forge, comment: str) -> None:
        if pull.state == "open":
            await forge.close(home, _opened(pull), pull.branch, f"Closed by Ratchet: {comment}")


def _stop_reason(pull: PullRequest, home: PromptHome) -> str | None:
    """Return why no pull request is opened; None if one may be."""
    if failed := first_failed(pull.checks):
        return f"{failed.name}: {failed.evidence}"
    if fault := path_fault(home.path, home.allowed_paths):
        return f"path: {fault}"
    if pull.evaluation is not None and pull.evaluation.verdict == "fail":
        return f"evaluation: it failed: {pull.evaluation.reason}"
    return None


def _unwanted_reason(pull: PullRequest) -> str | None:
    """Return why an open pull request is to be closed; None if it stays."""
    if not pull.is_wanted:
        return pull.reason or "the proposal is not open any more"
    if pull.evaluation is not None and pull.evaluation.verdict == "fail":
        return f"the evaluation failed: {pull.evaluation.reason}"
    return None


def _ended(pull: PullRequest, state: PullRequestState, reason: str | None) -> PullRequest:
    return replace(pull, state=state, reason=reason)


def _opened(pull: PullRequest) -> OpenedPullRequest:
    assert pull.head_sha is not None
    return OpenedPullRequest(pull.number, pull.url, pull.head_sha, _PLANNED)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
