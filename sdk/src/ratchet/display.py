"""Text that strangers wrote, made safe to look at."""

import re

from ratchet.invisible import hides

_SUSPECT = re.compile(r"[^\x20-\x7e]|<(?=U\+[0-9A-F]{4,6}>)")
_UNPRINTED = re.compile(r"[^\x20-\x7e]")


def visible(text: str) -> str:
    """One line of text with every invisible character spelled out, such as `<U+202E>`.

    Covers control characters (so terminal escapes too) and all of `ratchet.invisible`, where text can hide.
    Different texts stay different: the `<` of a text that says `<U+202E>` itself is spelled out.
    """
    return _SUSPECT.sub(_spelled, text)


def visible_lines(text: str) -> str:
    """Several lines of text, each made `visible`."""
    return "\n".join(visible(line) for line in text.split("\n"))


def visible_once(text: str) -> str:
    """Several lines of which some are `visible` already, as a diff's are: what is spelled out stays as it is."""
    return "\n".join(_UNPRINTED.sub(_spelled, line) for line in text.split("\n"))


def _spelled(match: re.Match[str]) -> str:
    character = match[0]
    spelled = character in "\n\t<" or hides(match.string, match.start())
    return f"<U+{ord(character):04X}>" if spelled else character
