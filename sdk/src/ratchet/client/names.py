"""Names of prompts, as the server takes them: all that are in use travel in one request, where one that is none
would keep the others from being told."""

import re
from collections.abc import Set
from urllib.parse import quote

from ratchet.prompt import PromptError

MOST_NAMES = 200
"""That a stream takes."""

_LONGEST = 128
_LONGEST_QUERY = 6_000
"""Bytes; a proxy takes a request line of 8,000."""

_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f,\ud800-\udfff]")


def checked(name: object) -> str:
    """A prompt's name. Raises PromptError."""
    if not isinstance(name, str):
        raise PromptError("name", "must be a text")
    if not 1 <= len(name) <= _LONGEST:
        raise PromptError("name", f"must have 1 to {_LONGEST} characters")
    if _UNSENDABLE.search(name):
        raise PromptError("name", "must not hold a comma, a control character or a lone surrogate")
    return name


def asked_for(names: Set[str]) -> dict[str, str]:
    """The query that opens a stream for these names; without `names` where they are too many: that means all."""
    joined = ",".join(sorted(names))
    few = len(names) <= MOST_NAMES and len(quote(joined)) <= _LONGEST_QUERY
    return {"names": joined} if few else {}
