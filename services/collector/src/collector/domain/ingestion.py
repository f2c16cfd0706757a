"""Ingestion of a group of items in one transaction: deduplicate, store, emit; and the outcome of each item."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from collector.domain import outbox_messages
from collector.domain.body_parser import MAX_LISTED_ERRORS
from collector.domain.completion import complete
from collector.domain.model import (
    Claim,
    CurrentFeedback,
    IngestItem,
    ItemStatus,
    Mismatch,
    NewExecution,
    NewFeedback,
    OutgoingEvent,
    PreviousFeedback,
    Repository,
    Status,
    WaitingFeedback,
)
from shared.events.base import subject_key
from shared.problems import Problem, printable

_CHANGED = "Feedback with a new id replaces the previous one of the same user, kind, name and execution."

Outcome = Status | Problem
"""The outcome of an item: `accepted`, `duplicate`, or why it was refused or failed."""


class ItemResult(NamedTuple):
    """The outcome of one item. Refused items may have no id."""

    id: str | None
    outcome: Outcome


def outcome_of_status(status: ItemStatus) -> Outcome:
    """Return the outcome of an item that the database answered for: a conflict is a problem."""
    if status == "conflict":
        error = {"field": "Idempotency-Key", "reason": "was used with another body"}
        return Problem(422, "idempotency-conflict", "The key was used before", error["reason"], [error])
    if status == "changed":
        error = {"field": "id", "reason": "was used with another body, which was kept; what changed needs a new id"}
        return Problem(409, "id-conflict", "The id was used before", f"id: {error['reason']}. {_CHANGED}", [error])
    if isinstance(status, Mismatch):
        errors = [{"field": printable(field), "reason": reason} for field, reason in status.fields[:MAX_LISTED_ERRORS]]
        detail = "; ".join(f"{error['field']}: {error['reason']}" for error in errors)
        return Problem(409, "id-conflict", "The execution was recorded with other values", detail, errors)
    return status


def overloaded() -> Problem:
    """Return the problem of a request that may be sent again unchanged, with the same ids or Idempotency-Key."""
    return Problem(
        503, "busy", "The collector can't accept more requests now", "try again", headers={"Retry-After": "1"}
    )


_OF_USERS = (NewExecution, NewFeedback)


async def ingest(repository: Repository, items: Sequence[IngestItem]) -> list[ItemStatus]:
    """Store the new ones among `items` and write their events to the outbox; return a status for each, in order.

    Nothing is stored of users that were erased.
    """
    erased = await _erased_users(repository, items)
    if not erased:
        return await _ingest(repository, items)
    kept = [item for item in items if user_key(item) not in erased]
    statuses = iter(await _ingest(repository, kept) if kept else ())
    return ["erased" if user_key(item) in erased else next(statuses) for item in items]


async def _erased_users(repository: Repository, items: Sequence[IngestItem]) -> set[str]:
    # Asked also without users: the erasure of somebody whose execution a feedback is about waits for this transaction.
    return await repository.list_erased(sorted({key for item in items if (key := user_key(item)) is not None}))


def user_key(item: IngestItem) -> str | None:
    """Return the key of an item's user (`shared.events.base.subject_key`); None without one."""
    user = item.user if isinstance(item, _OF_USERS) else None
    return None if user is None else subject_key(item.origin.project, user)


async def _ingest(repository: Repository, items: Sequence[IngestItem]) -> list[ItemStatus]:
    claims = first_claims(items)
    existing = await repository.save_claims(claims) if claims else {}
    statuses, kept = classify_claims(items, existing)
    fresh = [item for item, status in zip(items, statuses, strict=True) if status == "accepted"]
    outgoing = await _executions(repository, [item for item in fresh if isinstance(item, NewExecution)])
    outgoing += await _feedback(repository, [item for item in fresh if isinstance(item, NewFeedback)])
    results: list[ItemStatus] = [*statuses]
    if "changed" in statuses:
        outgoing += await _completions(repository, items, results, kept)
    if released := [claim.key for claim in claims if claim.key not in kept and claim.key not in existing]:
        await repository.delete_claims(released)
    if outgoing:
        await repository.emit(outgoing)
    return results


async def _completions(
    repository: Repository, items: Sequence[IngestItem], results: list[ItemStatus], kept: set[bytes]
) -> list[OutgoingEvent]:
    """Complete stored executions by items that were sent again with more. Updates `results` and `kept`."""
    again = [(i, item) for i, item in enumerate(items) if results[i] == "changed" and isinstance(item, NewExecution)]
    outgoing = []
    for index, item in sorted(again, key=lambda each: each[1].reference):  # so that instances lock in one order
        known = await repository.lock_execution(item.reference)
        if known is None:
            continue
        completion = complete(known, item)
        if isinstance(completion, Mismatch):
            results[index] = completion
            continue
        kept.update(claim.key for claim in item.claims)
        results[index] = "duplicate" if completion is None else "accepted"
        if completion is not None:
            await repository.update_execution(item.reference, completion.execution, completion.session)
            outgoing.append(outbox_messages.execution_completed_message(item, completion))
    return outgoing


async def _executions(repository: Repository, executions: Sequence[NewExecution]) -> list[OutgoingEvent]:
    if not executions:
        return []
    await repository.save_executions(executions)
    outgoing = [outbox_messages.execution_recorded_message(execution) for execution in executions]
    observed = [(item.origin, prompt) for item in executions for prompt in item.observed_prompts]
    if observed:
        outgoing += [
            outbox_messages.prompt_observed_message(*new) for new in await repository.save_observed_prompts(observed)
        ]
    return outgoing + [
        outbox_messages.feedback_created_message(entry, execution)
        for entry, execution in await repository.pop_waiting_feedback(executions)
    ]


async def _feedback(repository: Repository, feedback: Sequence[NewFeedback]) -> list[OutgoingEvent]:
    if not feedback:
        return []
    replaced = await repository.replace_current_feedback(latest(feedback))
    if mixed := [item for item in feedback if (joined := replaced[item.slot].execution) and joined.mixed]:
        for item in mixed:
            item.value = item.label = None
        await repository.retract_current_feedback(latest(mixed))
    outgoing: list[OutgoingEvent] = []
    waiting: list[WaitingFeedback] = []
    for item, previous in zip(feedback, list_previous_feedback(feedback, replaced), strict=True):
        entry = WaitingFeedback(
            item.event_id, item.origin, item.reference, outbox_messages.with_previous_feedback(item, previous)
        )
        execution = replaced[item.slot].execution
        if execution is None:
            waiting.append(entry)
        else:
            outgoing.append(outbox_messages.feedback_created_message(entry, execution))
    if waiting:
        await repository.save_waiting_feedback(waiting)
    return outgoing


def first_claims(items: Iterable[IngestItem]) -> list[Claim]:
    """Return the claims of a group, one for each key: that of the first item with the key."""
    claims: dict[bytes, Claim] = {}
    for item in items:
        for claim in item.claims:
            claims.setdefault(claim.key, claim)
    return list(claims.values())


def classify_claims(
    items: Sequence[IngestItem], existing: dict[bytes, bytes | None]
) -> tuple[list[Status], set[bytes]]:
    """Return the status of each item, and the keys of the claims to keep.

    `existing` has the claims stored before: key → hash of the body. A refused item keeps no claim: its key must stay
    usable.
    """
    keys = [claim.key for item in items for claim in item.claims]
    if not existing and len(keys) == len(known_keys := set(keys)):  # nearly all groups: nothing is repeated
        return ["accepted"] * len(items), known_keys
    known = dict(existing)
    statuses: list[Status] = []
    for item in items:
        status = _status(item.claims, known)
        statuses.append(status)
        if status in ("accepted", "duplicate"):
            for claim in item.claims:
                known.setdefault(claim.key, claim.body)
    return statuses, set(known)


def _status(claims: Iterable[Claim], known: dict[bytes, bytes | None]) -> Status:
    repeated = [claim for claim in claims if claim.key in known]
    for claim in reversed(repeated):  # the Idempotency-Key before the item's own id, whose body a completion may change
        stored = known[claim.key]
        if None not in (claim.body, stored) and claim.body != stored:
            return claim.mismatch
    return "duplicate" if repeated else "accepted"


def latest(feedback: Iterable[NewFeedback]) -> list[NewFeedback]:
    """Return the last feedback of each slot, which is current once the group is stored."""
    return list({item.slot: item for item in feedback}.values())


def list_previous_feedback(
    feedback: Iterable[NewFeedback], replaced: dict[bytes, CurrentFeedback]
) -> list[PreviousFeedback | None]:
    """Return what each feedback replaces: that of its slot before the group, or the preceding one in the group."""
    current = {slot: entry.previous for slot, entry in replaced.items()}
    found = []
    for item in feedback:
        found.append(current[item.slot])
        current[item.slot] = PreviousFeedback(item.id, item.value, item.label)
    return found
