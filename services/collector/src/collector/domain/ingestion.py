"""Takes a group of items in one transaction: claim, decide, keep, emit."""

from collections.abc import Iterable, Sequence

from collector.domain import messages as joining
from collector.domain.completion import complete
from collector.domain.model import (
    Claim,
    CurrentFeedback,
    IngestItem,
    Judgement,
    Mismatch,
    NewExecution,
    NewFeedback,
    OutgoingEvent,
    PreviousFeedback,
    Repository,
    Status,
    WaitingFeedback,
)


async def ingest(books: Repository, items: Sequence[IngestItem]) -> list[Judgement]:
    """Keeps what is new among `items` and puts its events into the outbox; a status for each, in their order."""
    claims = first_claims(items)
    taken = await books.claim(claims) if claims else {}
    statuses, kept = classify_claims(items, taken)
    fresh = [item for item, status in zip(items, statuses, strict=True) if status == "accepted"]
    outgoing = await _executions(books, [item for item in fresh if isinstance(item, NewExecution)])
    outgoing += await _feedback(books, [item for item in fresh if isinstance(item, NewFeedback)])
    judgements: list[Judgement] = [*statuses]
    if "changed" in statuses:
        outgoing += await _completions(books, items, judgements, kept)
    if given_back := [claim.key for claim in claims if claim.key not in kept and claim.key not in taken]:
        await books.unclaim(given_back)
    if outgoing:
        await books.emit(outgoing)
    return judgements


async def _completions(
    books: Repository, items: Sequence[IngestItem], judgements: list[Judgement], kept: set[bytes]
) -> list[OutgoingEvent]:
    """Adds to kept executions what was sent again with more: puts its judgement and its claims where they belong."""
    again = [(i, item) for i, item in enumerate(items) if judgements[i] == "changed" and isinstance(item, NewExecution)]
    outgoing = []
    for index, item in sorted(again, key=lambda each: each[1].reference):  # as two instances must lock them
        known = await books.lock_execution(item.reference)
        if known is None:
            continue
        completion = complete(known, item)
        if isinstance(completion, Mismatch):
            judgements[index] = completion
            continue
        kept.update(claim.key for claim in item.claims)
        judgements[index] = "duplicate" if completion is None else "accepted"
        if completion is not None:
            await books.save_execution(item.reference, completion.execution)
            outgoing.append(joining.completed(item, completion))
    return outgoing


async def _executions(books: Repository, executions: Sequence[NewExecution]) -> list[OutgoingEvent]:
    if not executions:
        return []
    await books.add_executions(executions)
    outgoing = [joining.execution_recorded_message(execution) for execution in executions]
    sightings = [(item.origin, sighting) for item in executions for sighting in item.sightings]
    if sightings:
        outgoing += [joining.prompt_observed_message(*sighting) for sighting in await books.observe(sightings)]
    return outgoing + [
        joining.feedback_created_message(entry, joined) for entry, joined in await books.release(executions)
    ]


async def _feedback(books: Repository, feedback: Sequence[NewFeedback]) -> list[OutgoingEvent]:
    if not feedback:
        return []
    opinions = await books.put_opinions(latest(feedback))
    outgoing: list[OutgoingEvent] = []
    waiting: list[WaitingFeedback] = []
    for item, former in zip(feedback, previous_feedback(feedback, opinions), strict=True):
        entry = WaitingFeedback(
            item.event_id, item.origin, item.reference, joining.with_previous_feedback(item, former)
        )
        joined = opinions[item.slot].joined
        if joined is None:
            waiting.append(entry)
        else:
            outgoing.append(joining.feedback_created_message(entry, joined))
    if waiting:
        await books.wait(waiting)
    return outgoing


def first_claims(items: Iterable[IngestItem]) -> list[Claim]:
    """The claims of a group, each key once: the first to name it wants it."""
    claims: dict[bytes, Claim] = {}
    for item in items:
        for claim in item.claims:
            claims.setdefault(claim.key, claim)
    return list(claims.values())


def classify_claims(items: Iterable[IngestItem], taken: dict[bytes, bytes | None]) -> tuple[list[Status], set[bytes]]:
    """What each item is, and the claims that stand for something kept.

    `taken` are the claims that were there before: id → hash of the body they were taken with. A refused item
    keeps no claim, or what it named could never be sent again.
    """
    known = dict(taken)
    statuses: list[Status] = []
    for item in items:
        status = _judge(item.claims, known)
        statuses.append(status)
        if status in ("accepted", "duplicate"):
            for claim in item.claims:
                known.setdefault(claim.key, claim.body)
    return statuses, set(known)


def _judge(claims: Iterable[Claim], known: dict[bytes, bytes | None]) -> Status:
    repeated = [claim for claim in claims if claim.key in known]
    for claim in reversed(repeated):  # the item's own id comes first, and an execution may be sent again with more
        former = known[claim.key]
        if None not in (claim.body, former) and claim.body != former:
            return claim.mismatch
    return "duplicate" if repeated else "accepted"


def latest(feedback: Iterable[NewFeedback]) -> list[NewFeedback]:
    """The last of each slot: what is current once all of `feedback` is taken."""
    return list({item.slot: item for item in feedback}.values())


def previous_feedback(
    feedback: Iterable[NewFeedback], opinions: dict[bytes, CurrentFeedback]
) -> list[PreviousFeedback | None]:
    """What each feedback replaces: what the slot held before the group, or its predecessor within the group."""
    current = {slot: opinion.former for slot, opinion in opinions.items()}
    replaced = []
    for item in feedback:
        replaced.append(current[item.slot])
        current[item.slot] = PreviousFeedback(item.id, item.value, item.label)
    return replaced
