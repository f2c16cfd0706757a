"""The one rule for the names of prompts: whoever accepts a name, anywhere, accepts it by this."""

import unicodedata

from ratchet.prompt.errors import PromptError
from ratchet.sanitize import visible

MAX_NAME = 128
"""Characters."""


def prompt_name(value: object, field: str = "name") -> str:
    """The name in Unicode NFC, so that two names that look the same are the same. Upper and lower case differ.

    A name has 1 to 128 characters. It may hold slashes, but no empty part, `.` or `..` between them; no comma, no
    control or invisible character, and no blank but U+0020, which neither begins nor ends it. Raises PromptError.
    """
    if not isinstance(value, str):
        raise PromptError(field, "must be a text")
    name = unicodedata.normalize("NFC", value)
    if not 1 <= len(name) <= MAX_NAME:
        raise PromptError(field, f"must have 1 to {MAX_NAME} characters")
    if visible(name) != name or any(character.isspace() and character != " " for character in name):
        raise PromptError(field, "must not hold a control or invisible character, or a blank other than a space")
    if "," in name:
        raise PromptError(field, "must not hold a comma")
    if name != name.strip():
        raise PromptError(field, "must not begin or end with a space")
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise PromptError(field, "must not have an empty part, . or .. between slashes")
    return name
