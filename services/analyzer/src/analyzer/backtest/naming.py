"""Names of columns as words."""

import re

_TOKEN = re.compile(r"[^\W\d_]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def tokens(name: str) -> list[str]:
    """The words of a column's name: `llm.userRating_v2` has llm, user, rating, v."""
    return [token.casefold() for token in _TOKEN.findall(_HUMP.sub(" ", name).replace("_", " "))]
