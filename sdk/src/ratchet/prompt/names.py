"""Validation of prompt names, used wherever a name is accepted."""

import unicodedata

from ratchet.prompt.errors import PromptError
from ratchet.sanitize import visible

MAX_NAME = 128
"""Maximum number of characters."""


def prompt_name(value: object, field: str = "name") -> str:
    """Return the name in Unicode NFC, so that names that look equal are equal. Case matters.

    A name has 1 to 128 characters. It may contain slashes, but no empty part, `.` or `..` between them; no comma, no
    control or invisible character, and no whitespace but U+0020, except at either end. Raises PromptError.
    """
    if not isinstance(value, str):
        raise PromptError(field, "must be a text")
    name = unicodedata.normalize("NFC", value)
    if not 1 <= len(name) <= MAX_NAME:
        raise PromptError(field, f"must have 1 to {MAX_NAME} characters")
    if visible(name) != name or any(character.isspace() and character != " " for character in name):
        raise PromptError(field, "must not contain a control or invisible character, or whitespace other than a space")
    if "," in name:
        raise PromptError(field, "must not contain a comma")
    if name != name.strip():
        raise PromptError(field, "must not begin or end with a space")
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise PromptError(field, "must not have an empty part, . or .. between slashes")
    return name
