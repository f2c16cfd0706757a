"""The name of a prompt in a path, of which routes see the percent-encoded form, and in a query."""

import unicodedata
from typing import Annotated

from fastapi import Depends, Query

from shared.problems import invalid
from shared.web.encoded_paths import decoded

PREFIX = "/v1/prompts/"
"""Below it, routes see paths as sent: `x%2Fversions` is the prompt `x/versions`, `x/versions` the versions of `x`."""


def name_in_path(name: str) -> str:
    """The name as it is stored: decoded, in NFC. Also one that a former rule let in."""
    return stored_name("name", decoded(name))


def name_in_query(name: Annotated[str | None, Query()] = None) -> str | None:
    """The name that a list is asked for, as it is stored; None where it is asked for all."""
    return None if name is None else stored_name("name", name)


def stored_name(field: str, name: str) -> str:
    """The name in NFC, in which names are stored. Raises Problem 422 for NUL, which PostgreSQL can't be asked for."""
    if "\0" in name:
        raise invalid(field, "must not hold NUL")
    return unicodedata.normalize("NFC", name)


NameInPath = Annotated[str, Depends(name_in_path)]
NameInQuery = Annotated[str | None, Depends(name_in_query)]
