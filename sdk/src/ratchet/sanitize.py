"""Invisible characters: one list, for what is removed from examples and for what is escaped on display.

The list is Unicode's Default_Ignorable_Code_Point (it has the zero-width characters, bidi controls, tags, variation
selectors, Hangul fillers and the combining grapheme joiner), all controls but line feed and tab, the format, private,
surrogate and unassigned characters, line and paragraph separators, and two blanks that look like spaces but are none.

Three of them are kept where a script or an emoji would change its meaning without them:

- variation selector 16 directly after a pictograph, or in a keycap such as 1️⃣;
- ZERO WIDTH JOINER between two pictographs, and after a virama (Indic scripts, RFC 5892 appendix A.2);
- ZERO WIDTH NON-JOINER after a virama, or between Arabic letters that would join (Persian; RFC 5892 appendix A.1).

Everything else is removed or escaped: soft hyphens, direction marks, ideographic variants, and the tags of the flags
of England, Scotland and Wales, which become a black flag.
"""

import re
import unicodedata

UNICODE = "14.0"
"""The version that the ranges were generated from: `\\p{Default_Ignorable_Code_Point}`, reserved ones included."""

_DEFAULT_IGNORABLE = (
    "00AD 034F 061C 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E 2060-206F 3164 FE00-FE0F FEFF FFA0 FFF0-FFF8 "
    "1BCA0-1BCA3 1D173-1D17A E0000-E0FFF"
)
_BLANKS = "2800 1D159"
"""BRAILLE PATTERN BLANK, MUSICAL SYMBOL NULL NOTEHEAD."""

_DUAL_JOINING = (
    "0620 0626 0628 062A-062E 0633-063F 0641-0647 0649-064A 066E-066F 0678-0687 069A-06BF 06C1-06C2 06CC 06CE "
    "06D0-06D1 06FA-06FC 06FF 074E-0758 075C-076A 076D-0770 0772 0775-0777"
)
"""Arabic letters that join on both sides (`\\p{Joining_Type=Dual_Joining}` of U+0600–06FF and U+0750–077F)."""

_PREPENDED = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Prepended_Concatenation_Mark: format characters that show."""

_HIDING = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_SELECTOR, _JOINER, _NON_JOINER, _KEYCAP = "\ufe0f", "\u200d", "\u200c", "\u20e3"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_SYMBOLS_WITH_EMOJI = "\u203c\u2049\u2139\u2194\u3030"
_VIRAMA = 9
"""The canonical combining class of viramas."""


def _members(ranges: str) -> frozenset[str]:
    bounds = (entry.split("-") for entry in ranges.split())
    return frozenset(chr(code) for bound in bounds for code in range(int(bound[0], 16), int(bound[-1], 16) + 1))


_LISTED = _members(_DEFAULT_IGNORABLE) | _members(_BLANKS)
_JOINING = _members(_DUAL_JOINING)
_SUSPECT = re.compile(r"[^\x20-\x7e\n\t]")
_SUSPECT_ON_DISPLAY = re.compile(r"[^\x20-\x7e]|<(?=U\+[0-9A-F]{4,6}>)")
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]")


def is_invisible(character: str) -> bool:
    """Tell whether this character is invisible. Line feeds and tabs count as visible space."""
    if character in _LISTED:
        return True
    return unicodedata.category(character) in _HIDING and character not in "\n\t" and character not in _PREPENDED


def hides(text: str, at: int) -> bool:
    """Tell whether the character at index `at` is invisible, and the script or emoji around it does not need it."""
    return is_invisible(text[at]) and not _needed(text, at)


def without_invisible(text: str) -> str:
    """Return `text` without invisible characters, except those that a script or emoji needs. Idempotent."""
    return _SUSPECT.sub(lambda match: "" if hides(text, match.start()) else match[0], text)


def without_any_invisible(text: str) -> str:
    """Return `text` without any invisible character, needed or not: for comparing texts, not for reading them."""
    return _SUSPECT.sub(lambda match: "" if is_invisible(match[0]) else match[0], text)


def visible(text: str) -> str:
    """Return one line of text with every invisible character escaped, such as `<U+202E>`.

    Covers control characters, and so terminal escapes. Different texts stay different: the `<` of a text that
    contains `<U+202E>` itself is escaped.
    """
    return _SUSPECT_ON_DISPLAY.sub(_escape, text)


def visible_lines(text: str) -> str:
    """Return several lines of text, each made `visible`."""
    return "\n".join(visible(line) for line in text.split("\n"))


def visible_once(text: str) -> str:
    """Return several lines of text made `visible`; lines that are so already, as a diff's are, stay as they are."""
    return "\n".join(_NOT_PRINTABLE.sub(_escape, line) for line in text.split("\n"))


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    escaped = character in "\n\t<" or hides(match.string, match.start())
    return f"<U+{ord(character):04X}>" if escaped else character


def _needed(text: str, at: int) -> bool:
    """Whether the script or emoji around index `at` needs the invisible character there."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if not before:
        return False
    if text[at] == _SELECTOR:
        return _pictograph(before) or (before in "0123456789#*" and after == _KEYCAP)
    if text[at] not in (_JOINER, _NON_JOINER) or not after:
        return False
    if unicodedata.combining(before) == _VIRAMA:
        return unicodedata.category(after) == "Lo" and after not in _LISTED
    if text[at] == _NON_JOINER:
        return before in _JOINING and unicodedata.bidirectional(after) == "AL"
    return _pictograph(after) and (
        _pictograph(before)
        or ord(before) in _SKIN_TONES
        or (before == _SELECTOR and _pictograph(text[max(at - 2, 0) : at - 1]))
    )


def _pictograph(character: str) -> bool:
    """Whether `character` is a symbol that may be shown as emoji (wider than Unicode's list); braille is not."""
    return bool(character) and (
        (
            unicodedata.category(character) == "So"
            and character not in _LISTED
            and not 0x2800 <= ord(character) <= 0x28FF
        )
        or character in _SYMBOLS_WITH_EMOJI
    )
