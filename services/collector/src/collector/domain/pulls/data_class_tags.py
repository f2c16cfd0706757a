"""Region and confidentiality of a trace, from its tags `ratchet.region:…` and `ratchet.confidentiality:…`. Pure."""

from collections.abc import Iterable
from typing import get_args

from shared.events.feedback import Confidentiality

_REGION, _CONFIDENTIALITY = "ratchet.region:", "ratchet.confidentiality:"
_MAX_REGION = 64


def region(tags: Iterable[str]) -> str | None:
    """Return the region that the tags name; None if it is unknown or no name, or if they name several."""
    found = _only_value(tags, _REGION)
    return found if found and len(found) <= _MAX_REGION and found.isprintable() else None


def confidentiality(tags: Iterable[str]) -> str | None:
    """Return how confidential the texts are; None if it is unknown, another word than the known ones, or ambiguous."""
    word = _only_value(tags, _CONFIDENTIALITY)
    return word if word in get_args(Confidentiality) else None


def _only_value(tags: Iterable[str], prefix: str) -> str | None:
    found = {tag.removeprefix(prefix).strip().lower() for tag in tags if tag.startswith(prefix)}
    return found.pop() if len(found) == 1 else None
