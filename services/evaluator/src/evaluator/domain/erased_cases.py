"""Which golden cases an erasure reaches: those of the user, those made of the user's executions, and what derives."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from urllib.parse import unquote

from ratchet_evaluation.domain.cases import GoldenCase
from shared.events.base import execution_reference, subject_key

_AFTER_ID = ("?", "#")
"""What may follow an execution's id in a link."""


def reference_key(reference: object) -> str:
    """Return the tombstone of an erased execution. It has another form than that of a user."""
    return f"execution:{reference}"


def tombstones_of(origin: str | None, user: str | None, project: str, environments: Iterable[str]) -> Iterator[str]:
    """Yield the tombstones that would bar a case.

    An origin names an execution by its id alone, or by a text or link that ends with it, in any of `environments`.
    """
    if user is not None:
        yield subject_key(project, user)
    for execution_id in _named_ids(origin or ""):
        for environment in environments:
            yield reference_key(execution_reference(project, environment, execution_id))


def erased_case_ids(cases: Sequence[GoldenCase], erased: Collection[str]) -> set[str]:
    """Return the ids of cases that are erased: those in `erased`, and all that are derived from these."""
    found = {case.id for case in cases if case.id in erased}
    size = -1
    while size < len(found):
        size = len(found)
        found |= {case.id for case in cases if case.parent in found}
    return found


def _named_ids(origin: str) -> Iterator[str]:
    for text in dict.fromkeys((origin, unquote(origin))):
        for end in {len(text), *(text.find(mark) for mark in _AFTER_ID if mark in text)}:
            yield from _endings(text[:end])


def _endings(text: str) -> Iterator[str]:
    """Yield the text and its ends that begin after a character that is not within a word, a hyphen or an underscore."""
    for start in range(len(text)):
        if start == 0 or not (text[start - 1].isalnum() or text[start - 1] in "-_"):
            yield text[start:]
