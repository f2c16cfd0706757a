"""Search for phone numbers in normalized text."""

import re
from collections.abc import Iterable, Iterator

from shared.pii.phone_words import PhoneWords
from shared.pii.windowed_search import MARGIN, Bounds, matches

_LEAD = 4
"""Maximum characters of a phone number before its first digit."""
_LONGEST_NAMED = 20

_DATE = re.compile(
    r"(?:(?:1[6-9]|2[0-3])\d\d[-./](?:0?[1-9]|1[0-2])[-./](?:0?[1-9]|[12]\d|3[01])|"
    r"(?:0?[1-9]|[12]\d|3[01])[-./](?:0?[1-9]|[12]\d|3[01])[-./](?:(?:1[6-9]|2[0-3])\d\d|\d\d))(?![-./]?\d)"
)
_PHONE = re.compile(
    r"(?=[(+0-9])(?:(?<![A-Za-z0-9_.,:/+-])|(?<=[^\W\d_]:)|(?<=\.:)|(?<=wa\.me/)|(?<=/)(?=\+)|(?<=[A-Za-z]\.)(?=[+0(]))"
    r"\(?(?:\+ ?)?[0-9](?:(?:[ ./_-]|\) ?-?|[ /-]?\()?[0-9]){6,16}(?![A-Za-z0-9_])"
)
_AREA_CODE = re.compile(
    r"(?=[(0])(?<![A-Za-z0-9_.,:/+-])\(?0[1-9]\d{1,4}\)? [/-] [0-9](?: ?[0-9]){4,10}(?![A-Za-z0-9_])"
)
_NORTH_AMERICAN = re.compile(r"(?:\+?1[ ./-]?)?(?:\([2-9]\d{2}\)[ -]?|[2-9]\d{2}([ ./_-]))[2-9]\d{2}[ ./_-]\d{4}")
_NATIONAL = re.compile(
    r"[1-9]\d{8}|\d{2} \d{3} \d{2} \d{2}|\d{3}([ .-])\d{3}\1\d{3,4}|\d{3} \d{2} \d{2} \d{2}|\d{3}[ .-]\d{6,7}"
)
_GROUP = re.compile(r"[0-9]+")
_UNMISTAKABLE = re.compile(
    r"\(\d{2}\) ?9?\d{4}[ -]\d{4}|[1-9]\d 9\d{4}-\d{4}|"  # Brazil
    r"[78][ -]?\(\d{3,4}\)[ -]?\d{2,3}[ -]?\d{2}[ -]?\d{2}|[78][ -]\d{3}[ -]\d{3}[ -]\d{2}[ -]\d{2}|"  # Russia
    r"\(\d{3}\) ?\d{3}-\d{2}-\d{2}|1[3-9]\d{9}|1[3-9]\d([ -])\d{4}\1\d{4}"  # Russia, China
)
_CALLED = re.compile(
    r"[2-9]\d{2}[ ._-]\d{4}|[2-9]\d{9}|[2-9]\d{7}|[178]\d{10}|"
    r"\d{5}[ -]\d{5,6}|\d{4}[ -]\d{4}|\d{2}(?:[ .-]\d{2}){3}|\d{3}[ -]\d{2}[ -]\d{3}|\d{3}[ .-]\d{3}[ .-]\d{4}|"
    r"\d{3}[ -]\d{2}[ -]\d{2}|\d{3}[ -]\d{4}[ -]\d{4}|\d{2}[ -]\d{4,5}[ -]\d{4}|[78] ?\d{3} ?\d{3} ?\d{2} ?\d{2}"
)
"""Forms that count as phone numbers only shortly after a word such as `call`."""
_FRENCH = re.compile(r"0[1-9](?:\.\d\d){4}")
_COUNTED = re.compile(
    r" ?(?:[€$£¥%]|euros?\b|eur\b|usd\b|dollars?\b|z[łl]\b|pln\b|people|personas|osób|habitant|units?\b|times\b|"
    r"tokens?\b|bytes?\b|[kmg]i?b\b|[mnµ]?s\b|seconds|rows\b|users\b|requests\b)",
    re.I,
)


def find_phones(text: str, zones: Iterable[Bounds]) -> Iterator[Bounds]:
    """Yield bounds of international numbers, national ones of a distinct form, and others near a word such as `call`.

    `zones` as from `digit_zones`.
    """
    words = PhoneWords(text)
    spaced = " / " in text or " - " in text
    for first, last in zones:
        start = max(0, first - _LEAD)
        if spaced:
            yield from (match.span() for match in matches(_AREA_CODE, text, start, last, MARGIN))
        for match in matches(_PHONE, text, start, last, MARGIN):
            if is_phone(match[0]) or _is_named(words, match):
                yield match.span()
            elif size := _first_phone(match[0]):
                yield match.start(), match.start() + size


def _first_phone(text: str) -> int:
    """Return the length of the phone number at the start of `text`, which is too long for one; 0 if there is none."""
    if text[0] not in "(+0":
        found = _NORTH_AMERICAN.match(text)
        return found.end() if found and not text[found.end() : found.end() + 1].isdigit() else 0
    ends = [group.end() for group in _GROUP.finditer(text)][-2::-1]
    return next((end for end in ends if is_phone(text[:end])), 0)


def is_phone(text: str) -> bool:
    """Tell whether it is a phone number without context: international (+, 00), with a leading 0, or North American."""
    shown = text.strip("()[] ")
    if _DATE.match(shown):
        return False
    digits = sum(map(str.isdigit, text))
    if shown.startswith("+"):
        return 8 <= digits <= 15 or (digits == 16 and "(0)" in text)
    if shown.startswith("00"):
        return 10 <= digits <= 17 and shown[2:3] != "0"
    if shown.startswith("0"):
        return (9 <= digits <= 12 and shown[1:2] not in ("0", ".")) or _french(shown)
    return _NORTH_AMERICAN.fullmatch(text) is not None


def _french(text: str) -> bool:
    return _FRENCH.fullmatch(text) is not None


def _is_named(words: PhoneWords, match: re.Match[str]) -> bool:
    """Whether it has a form of phone numbers and a word that marks it as one."""
    shown, (start, end) = match[0], match.span()
    if len(shown) > _LONGEST_NAMED or _DATE.match(shown.strip("()")) or _COUNTED.match(match.string, end):
        return False
    if _UNMISTAKABLE.fullmatch(shown):
        return not words.is_other(start)
    if _NATIONAL.fullmatch(shown.strip("()")):
        return words.is_number(start, end)
    return _CALLED.fullmatch(shown) is not None and words.is_called(start, end)
