"""SQL of pull requests. A row is worked on by one instance at a time, by a lease with a fencing token."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.boundary_checks import BoundaryCheck
from proposer.domain.model import PromptKey
from proposer.domain.prompt_homes import PromptHome
from proposer.domain.pull_request_text import branch_name
from proposer.domain.pull_requests import FINAL_STATES, PullRequest
from proposer.storage.pull_request_tables import pull_requests, repository_texts
from proposer.storage.tables import documents, key_columns, key_from_row, matches_key, prompts, regressions
from ratchet.prompt import Prompt, parse
from shared.events.evaluation import EvaluationCompleted
from shared.events.proposals import ProposalReady
from shared.events.quality import RegressionDetected

LEASE = timedelta(minutes=10)
"""How long a claimed row is not claimed again; longer than all requests about one pull request take."""
_MINUTE = timedelta(minutes=1)


class PullRequestRepository:
    """Pull requests in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save_wanted(
        self, event: ProposalReady, home: PromptHome, evaluate_until: datetime, now: datetime
    ) -> None:
        """Save that a proposal should become a pull request. The branch is the first free one from this minute on."""
        row = {
            **key_columns(home.key), "proposal_id": event.proposal_id, "target": event.target, "forge": home.forge,
            "repository": home.repository, "state": "pending", "proposal": without_texts(event),
            "checks": [],
            "regression": await self._regression(event.evidence.regression_id), "evaluate_until": evaluate_until,
            "next_attempt_at": now, "created_at": now, "changed_at": now,
        }  # fmt: skip
        known = select(pull_requests.c.proposal_id).where(pull_requests.c.proposal_id == event.proposal_id)
        at = now
        while (await self._conn.execute(known)).first() is None:
            statement = insert(pull_requests).values({**row, "branch": branch_name(event.target, at)})
            await self._conn.execute(statement.on_conflict_do_nothing())
            at += _MINUTE

    async def save_evaluation(self, event: EvaluationCompleted, now: datetime) -> None:
        """Save the latest evaluation of a proposal; it is handled next. An earlier one than the saved is ignored."""
        p = pull_requests.c
        saved = p.evaluation["completed_at"].astext
        newer = (p.evaluation.is_(None)) | (saved < event.model_dump(mode="json")["completed_at"])
        mine = and_(p.proposal_id == event.proposal_id, p.state.in_(("pending", "open")), newer)
        values = {"evaluation": event.model_dump(mode="json"), "next_attempt_at": now, "changed_at": now}
        await self._conn.execute(update(pull_requests).where(mine).values(values))

    async def save_unwanted(self, proposal_id: UUID, reason: str, now: datetime) -> None:
        """Save that the proposal is withdrawn or rejected: its pull request is to be closed."""
        p = pull_requests.c
        mine = and_(p.proposal_id == proposal_id, p.state.in_(("pending", "open")))
        values = {"is_wanted": False, "reason": reason, "next_attempt_at": now, "changed_at": now}
        await self._conn.execute(update(pull_requests).where(mine).values(values))

    async def claim(self, now: datetime) -> PullRequest | None:
        """Claim a pull request that is due, with a new token; None if there is none. Others skip it for `LEASE`."""
        p = pull_requests.c
        due = select(p.proposal_id).where(p.next_attempt_at <= now).order_by(p.next_attempt_at, p.proposal_id).limit(1)
        statement = (
            update(pull_requests)
            .where(p.proposal_id == due.with_for_update(skip_locked=True).scalar_subquery())
            .values(token=p.token + 1, attempts=p.attempts + 1, next_attempt_at=now + LEASE)
            .returning(pull_requests)
        )
        row = (await self._conn.execute(statement)).first()
        return _pull_request(row) if row else None

    async def save(self, pull: PullRequest, next_attempt_at: datetime | None, now: datetime) -> bool:
        """Save what was done; return False, without a change, if another instance has claimed the row since.

        A wish to close it or an evaluation that came meanwhile is handled next.
        """
        p = pull_requests.c
        final = pull.state in FINAL_STATES
        saved = await self._conn.execute(
            update(pull_requests)
            .where(p.proposal_id == pull.proposal_id, p.token == pull.token)
            .values(
                state=pull.state, reason=pull.reason, checks=[check.to_json() for check in pull.checks],
                number=pull.number, url=pull.url, base_sha=pull.base_sha, head_sha=pull.head_sha,
                file_digest=pull.file_digest, body_digest=pull.body_digest, attempts=pull.attempts, changed_at=now,
                next_attempt_at=None if final else next_attempt_at,
            )
            .returning(p.is_wanted, p.evaluation)
        )  # fmt: skip
        row = saved.first()
        if row is None:
            return False
        evaluation = pull.evaluation.model_dump(mode="json") if pull.evaluation else None
        if not final and (row.is_wanted, row.evaluation) != (pull.is_wanted, evaluation):
            await self._conn.execute(
                update(pull_requests).where(p.proposal_id == pull.proposal_id).values(next_attempt_at=now)
            )
        return True

    async def has_rollback(self, key: PromptKey, digest: str | None) -> bool:
        """Return whether the document with this digest is stored, and has it."""
        if digest is None:
            return False
        mine = and_(matches_key(documents, key), documents.c.digest == digest)
        found = (await self._conn.execute(select(documents.c.document).where(mine))).scalar()
        return found is not None and parse(found).digest == digest

    async def _regression(self, regression_id: UUID | None) -> Any:
        mine = select(regressions.c.event).where(regressions.c.regression_id == regression_id)
        return (await self._conn.execute(mine)).scalar() if regression_id else None


class RepositoryTextRepository:
    """Comparisons of repositories' texts with those in use, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def declare(self, homes: Iterable[PromptHome], now: datetime) -> None:
        """Save the homes that are declared now, and forget those that are not any more."""
        t = repository_texts.c
        keys = []
        for home in homes:
            where = {"forge": home.forge, "repository": home.repository, "branch": home.branch, "path": home.path}
            row = {**key_columns(home.key), **where, "next_check_at": now}
            keys.append(home.key)
            statement = insert(repository_texts).values(row)
            await self._conn.execute(
                statement.on_conflict_do_update(index_elements=["project", "environment", "name"], set_=where)
            )
        found = (await self._conn.execute(select(t.project, t.environment, t.name))).all()
        for old in {key_from_row(row) for row in found}.difference(keys):
            await self._conn.execute(repository_texts.delete().where(matches_key(repository_texts, old)))

    async def claim(self, now: datetime, every: timedelta) -> tuple[PromptKey, Prompt | None] | None:
        """Claim a home that is due, with the version in use (None if it is not known); None if none is due."""
        t = repository_texts.c
        due = select(repository_texts).where(t.next_check_at <= now).order_by(t.next_check_at).limit(1)
        row = (await self._conn.execute(due.with_for_update(skip_locked=True))).first()
        if row is None:
            return None
        key = key_from_row(row)
        mine = matches_key(repository_texts, key)
        await self._conn.execute(update(repository_texts).where(mine).values(next_check_at=now + every))
        return key, await self._in_use(key)

    async def save(
        self, key: PromptKey, digest: str | None, base_sha: str | None, same: bool | None, fault: str | None,
        now: datetime,
    ) -> None:  # fmt: skip
        """Save the result of a comparison."""
        values = {"digest": digest, "base_sha": base_sha, "same": same, "fault": fault, "checked_at": now}
        mine = matches_key(repository_texts, key)
        await self._conn.execute(update(repository_texts).where(mine).values(values))

    async def _in_use(self, key: PromptKey) -> Prompt | None:
        row = (
            await self._conn.execute(select(prompts.c.live, prompts.c.seen).where(matches_key(prompts, key)))
        ).first()
        digest = (row.live or row.seen) if row else None
        mine = and_(matches_key(documents, key), documents.c.digest == digest)
        found = (await self._conn.execute(select(documents.c.document).where(mine))).scalar() if digest else None
        return parse(found) if found else None


def without_texts(event: ProposalReady) -> dict[str, Any]:
    """Return the event as JSON without examples: their texts are users', who can be erased."""
    found: dict[str, Any] = event.model_dump(mode="json")
    for each in found["example_sets"]:
        for example in each["examples"]:
            example |= {"input": "", "output": "", "user": None, "author": None}
    return found


def _pull_request(row: Row[Any]) -> PullRequest:
    return PullRequest(
        proposal_id=row.proposal_id, key=key_from_row(row), target=row.target, state=row.state,
        proposal=ProposalReady.model_validate(row.proposal), created_at=row.created_at, branch=row.branch,
        evaluate_until=row.evaluate_until,
        evaluation=EvaluationCompleted.model_validate(row.evaluation) if row.evaluation else None,
        regression=RegressionDetected.model_validate(row.regression) if row.regression else None,
        is_wanted=row.is_wanted, reason=row.reason,
        checks=tuple(BoundaryCheck(**check) for check in row.checks), number=row.number, url=row.url,
        base_sha=row.base_sha, head_sha=row.head_sha, file_digest=row.file_digest, body_digest=row.body_digest,
        attempts=row.attempts, token=row.token,
    )  # fmt: skip
