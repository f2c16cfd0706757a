"""Placeholders `{{name}}` in a message. `\\{{name}}` is escaped; braces around anything else are text."""

import re
from collections.abc import Callable

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

_PLACEHOLDER = re.compile(r"(\\?)\{\{[ \t]*(" + NAME.pattern + r")[ \t]*\}\}")


def names(content: str) -> list[str]:
    """Return the variables that a content uses, in order of first use."""
    if "{{" not in content:
        return []
    found = (match[2] for match in _PLACEHOLDER.finditer(content) if not match[1])
    return list(dict.fromkeys(found))


def tidy(content: str) -> str:
    """Return the content without spaces in its placeholders."""
    if "{{" not in content:
        return content
    return _PLACEHOLDER.sub(lambda match: match[0] if match[1] else "{{" + match[2] + "}}", content)


def fill(content: str, value_of: Callable[[str], str]) -> str:
    """Return the content with each placeholder replaced, in one pass: values are not interpreted."""
    return _PLACEHOLDER.sub(lambda match: match[0][1:] if match[1] else value_of(match[2]), content)
