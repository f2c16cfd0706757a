"""The plan of a group: what to write and emit, decided from a snapshot of the database, for one statement. Pure.

It decides as `ingestion.ingest` does step by step in a transaction. The write fails if the snapshot is outdated by
then; the group is then ingested in a transaction.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from collector.domain import outbox_messages
from collector.domain.execution_keys import HALF
from collector.domain.ingestion import classify_claims, first_claims, latest
from collector.domain.model import (
    Claim,
    ExecutionContext,
    IngestItem,
    ItemStatus,
    NewExecution,
    NewFeedback,
    OutgoingEvent,
    PreviousFeedback,
    Status,
    WaitingFeedback,
)
from shared.events.base import subject_key

_USER = re.compile(rb'"user":"([^"\\]*)"')


class GroupReferences(NamedTuple):
    """What a group refers to in the database."""

    claims: list[Claim]
    feedback: list[NewFeedback]
    executions: list[NewExecution]


class Snapshot(NamedTuple):
    """What the database has of a group's references, before its write.

    `claims`: key → body hash. `current`: slot → feedback. `executions`: reference, trace or session → facts, for the
    feedback of the group. `waiting`: row id → feedback that waits for the group's executions, oldest first.
    `new_prompts`: whether the group uses a digest that is neither served nor observed.
    """

    claims: dict[bytes, bytes | None]
    current: Mapping[bytes, PreviousFeedback]
    executions: Mapping[bytes, ExecutionContext]
    waiting: Mapping[int, WaitingFeedback]
    new_prompts: bool = False


class Replacement(NamedTuple):
    """A feedback that becomes the current one of its slot, and the one that it replaces there."""

    feedback: NewFeedback
    previous: PreviousFeedback


class GroupWrite(NamedTuple):
    """The rows to write. Written are all of them, or none if a claim or a slot is no longer as in the snapshot."""

    claims: list[Claim]
    executions: list[NewExecution]
    first_feedback: list[NewFeedback]
    replacements: list[Replacement]
    waiting: list[WaitingFeedback]
    joined: list[int]
    """Row ids of waiting feedback to delete: the group has their executions."""
    outgoing: list[OutgoingEvent]
    users: list[str]
    """Whose texts are written: of the new items, and of executions that feedback is joined with.

    The group is not written if one of them was erased.
    """


class GroupPlan(NamedTuple):
    """The statuses of a group's items, in order, and what to write first."""

    statuses: list[ItemStatus]
    write: GroupWrite


class NewContexts(NamedTuple):
    """New executions by their references, and the first of each trace and session; and the versions of these keys."""

    first: dict[bytes, ExecutionContext]
    versions: dict[bytes, set[bytes]]


def references_of(items: Sequence[IngestItem]) -> GroupReferences:
    """Return what to look up for a plan."""
    feedback = [item for item in items if isinstance(item, NewFeedback)]
    executions = [item for item in items if isinstance(item, NewExecution)] if len(feedback) < len(items) else []
    return GroupReferences(first_claims(items), feedback, executions)


def plan_group(items: Sequence[IngestItem], references: GroupReferences, snapshot: Snapshot) -> GroupPlan | None:
    """Return the plan; None where the group needs a transaction: it completes an execution, or has a new prompt."""
    statuses, kept = classify_claims(items, snapshot.claims)
    if snapshot.new_prompts or ("changed" in statuses and _changes_execution(items, statuses)):
        return None
    if all(status == "accepted" for status in statuses):
        feedback, executions = references.feedback, references.executions
    else:
        fresh = [item for item, status in zip(items, statuses, strict=True) if status == "accepted"]
        _, feedback, executions = references_of(fresh)
    claims = [claim for claim in references.claims if claim.key in kept and claim.key not in snapshot.claims]
    outgoing = [outbox_messages.execution_recorded_message(execution) for execution in executions]
    new = contexts_of(executions)
    joined = {row: entry for row, entry in snapshot.waiting.items() if entry.reference in new.first}
    outgoing += [
        outbox_messages.feedback_created_message(entry, new.first[entry.reference]) for entry in joined.values()
    ]
    waiting = _join(feedback, snapshot, new, outgoing)
    first, replacements = _slots(feedback, snapshot.current)
    write = GroupWrite(
        claims, executions, first, replacements, waiting, list(joined), outgoing, _users(feedback, executions, snapshot)
    )
    return GroupPlan([*statuses], write)


def _users(feedback: Sequence[NewFeedback], executions: Sequence[NewExecution], snapshot: Snapshot) -> list[str]:
    """Return the keys of the users whose texts a write contains."""
    users = {subject_key(item.origin.project, item.user) for item in feedback if item.user is not None}
    users.update([subject_key(item.origin.project, item.user) for item in executions if item.user is not None])
    for item in feedback:
        execution = snapshot.executions.get(item.reference)
        if execution is not None and (found := users_in(execution.facts)):
            users.update([subject_key(item.origin.project, user) for user in found])
    return sorted(users)


def _changes_execution(items: Sequence[IngestItem], statuses: Sequence[Status]) -> bool:
    return any(
        status == "changed" and isinstance(item, NewExecution) for item, status in zip(items, statuses, strict=True)
    )


def _join(
    feedback: Sequence[NewFeedback],
    snapshot: Snapshot,
    new: NewContexts,
    outgoing: list[OutgoingEvent],
) -> list[WaitingFeedback]:
    """Append the events of feedback whose execution is known to `outgoing`; return the other feedback."""
    current = dict(snapshot.current)
    waiting = []
    for item in feedback:
        execution = _joined(item.reference, snapshot, new)
        if execution is not None and execution.mixed:
            item.value = item.label = None
        payload = outbox_messages.with_previous_feedback(item, current.get(item.slot))
        current[item.slot] = PreviousFeedback(item.id, item.value, item.label)
        entry = WaitingFeedback(item.event_id, item.origin, item.reference, payload)
        if execution is None:
            waiting.append(entry)
        else:
            outgoing.append(outbox_messages.feedback_created_message(entry, execution))
    return waiting


def _joined(reference: bytes, snapshot: Snapshot, new: NewContexts) -> ExecutionContext | None:
    """Return the execution of a reference, stored or of the group; mixed where other ones have other versions."""
    found = snapshot.executions.get(reference) or new.first.get(reference)
    if found is None or found.mixed:
        return found
    others = new.versions.get(reference)
    if others is None:
        return found
    return found._replace(mixed=any(is_other_version(found.version, other) for other in others))


def _slots(
    feedback: Sequence[NewFeedback], current: Mapping[bytes, PreviousFeedback]
) -> tuple[list[NewFeedback], list[Replacement]]:
    """Return the last feedback of each slot: the first ever of its slot, and those that replace another."""
    last = latest(feedback)
    if not current:
        return last, []
    first = [item for item in last if item.slot not in current]
    return first, [Replacement(item, current[item.slot]) for item in last if item.slot in current]


def contexts_of(executions: Iterable[NewExecution]) -> NewContexts:
    """Return what feedback about these executions, or about their traces and sessions, is joined with."""
    first: dict[bytes, ExecutionContext] = {}
    versions: dict[bytes, set[bytes]] = {}
    for execution in sorted(executions, key=lambda each: (each.origin.received_at, each.reference)):
        context = ExecutionContext(execution.target, execution.facts, execution.version)
        for key in (execution.reference, execution.trace, execution.session):
            if key is not None:
                first.setdefault(key, context)
                versions.setdefault(key, set()).add(execution.version)
    return NewContexts(first, versions)


def is_other_version(first: bytes | None, other: bytes) -> bool:
    """Return whether two executions have the same target and prompts, of different versions. None is unknown."""
    return first is not None and first[:HALF] == other[:HALF] and first != other


def users_in(facts: bytes) -> list[str]:
    """Return the user in the facts of an execution (JSON). Also finds other members of that name, which do no harm."""
    return [found.decode() for found in _USER.findall(facts)]
