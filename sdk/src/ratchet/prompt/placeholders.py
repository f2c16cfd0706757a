"""`{{name}}` in a message. `\\{{name}}` is the text itself; braces around anything else are text too."""

import re
from collections.abc import Callable

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

_PLACEHOLDER = re.compile(r"(\\?)\{\{[ \t]*(" + NAME.pattern + r")[ \t]*\}\}")


def names(content: str) -> list[str]:
    """The variables that a content uses, in order of first use."""
    found = (match[2] for match in _PLACEHOLDER.finditer(content) if not match[1])
    return list(dict.fromkeys(found))


def tidy(content: str) -> str:
    """The same content with no blanks inside its placeholders."""
    return _PLACEHOLDER.sub(lambda match: match[0] if match[1] else "{{" + match[2] + "}}", content)


def fill(content: str, value_of: Callable[[str], str]) -> str:
    """The content with each placeholder replaced, in one pass: nothing inside a value is looked at again."""
    return _PLACEHOLDER.sub(lambda match: match[0][1:] if match[1] else value_of(match[2]), content)
