"""The names of prompts in one request: all that are in use, or none where they are too many, which means all."""

from collections.abc import Set
from urllib.parse import quote

MOST_NAMES = 200
"""That a stream takes."""

_LONGEST_QUERY = 6_000
"""Bytes; a proxy takes a request line of 8,000."""


def asked_for(names: Set[str]) -> dict[str, str]:
    """The query that opens a stream for these names; without `names` where they are too many: that means all."""
    joined = ",".join(sorted(names))
    few = len(names) <= MOST_NAMES and len(quote(joined)) <= _LONGEST_QUERY
    return {"names": joined} if few else {}
