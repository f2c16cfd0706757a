"""Names of prompts in paths, which routes receive percent-encoded, and in queries."""

import unicodedata
from typing import Annotated

from fastapi import Depends, Query

from shared.problems import invalid
from shared.web.encoded_paths import decode_segment

PREFIX = "/v1/prompts/"
"""Routes below it get paths as sent: `x%2Fversions` is the prompt `x/versions`, `x/versions` the versions of `x`."""


def name_in_path(name: str) -> str:
    """Return the name as it is stored: decoded, in NFC. Names that are not valid today may be stored, too."""
    return stored_name("name", decode_segment(name))


def name_in_query(name: Annotated[str | None, Query()] = None) -> str | None:
    """Return the name that a list is filtered by, as it is stored; None for all names."""
    return None if name is None else stored_name("name", name)


def stored_name(field: str, name: str) -> str:
    """Return the name in NFC, as names are stored. Raises Problem 422 for NUL, which PostgreSQL can't hold."""
    if "\0" in name:
        raise invalid(field, "must not hold NUL")
    return unicodedata.normalize("NFC", name)


NameInPath = Annotated[str, Depends(name_in_path)]
NameInQuery = Annotated[str | None, Depends(name_in_query)]
