"""The name of a prompt in a path, of which routes see the percent-encoded form."""

import unicodedata
from typing import Annotated

from fastapi import Depends

from shared.web.encoded_paths import decoded
from shared.web.problems import invalid

PREFIX = "/v1/prompts/"
"""Below it, routes see paths as sent: `x%2Fversions` is the prompt `x/versions`, `x/versions` the versions of `x`."""


def name_in_path(name: str) -> str:
    """The name as it is stored: decoded, in NFC. Also one that a former rule let in."""
    found = unicodedata.normalize("NFC", decoded(name))
    if "\0" in found:
        raise invalid("name", "must not hold NUL")
    return found


NameInPath = Annotated[str, Depends(name_in_path)]
