"""Search for card numbers, IBANs and IP addresses in normalized text."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate

from shared.pii.checksums import CARD_LENGTHS, IBAN_LENGTHS, Luhn, is_address, is_card_form, mod97
from shared.pii.windowed_search import MARGIN, Bounds, matches

_GROUPS = re.compile(r"(?<![A-Za-z0-9_.,+])[0-9]++(?:[ ./_-]{1,3}[0-9]++)*+(?![A-Za-z0-9_])")
_GROUP = re.compile(r"[0-9]+")
_IBAN_HEAD = re.compile(
    r"[0-9][0-9](?:(?<=(?<![A-Za-z0-9])[A-Za-z]{2}..)|(?<=(?<![A-Za-z0-9])[A-Za-z]{2}[ ._-]..)|"
    r"(?<=[Ii][Bb][Aa][Nn][A-Za-z]{2}..)|(?<=[Ii][Bb][Aa][Nn][A-Za-z]{2}[ ._-]..))(?=[ ./_-]{0,3}[A-Za-z0-9])"
)
"""The check digits after a country code, searched first because digits are rarer than letters.

A pattern that starts with one set of characters, without a repeat, is searched quickly.
"""
_IBAN = re.compile(r"[A-Za-z]{2}[ ._-]?[0-9]{2}(?:[ ./_-]{0,3}[A-Za-z0-9]){11,30}")
_SEPARATORS = str.maketrans("", "", " ./_-")

_V4 = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_IPV4 = re.compile(r"[0-9](?<![A-Za-z0-9_.,/-][0-9])[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?![A-Za-z0-9_]|\.[0-9]|-[0-9])")
_IPV4_IN_ADDRESS = re.compile(rf"(?<=://){_V4}(?![0-9])")
_IPV6 = re.compile(
    r"(?:(?<![A-Za-z0-9_:.])|(?<=[^\x00-\x7f]:)|(?<=[g-zG-Z]:))(?:[0-9A-Fa-f]{1,4}:|::)(?:[0-9A-Fa-f]{0,4}:){0,6}"
    rf"(?:{_V4}|[0-9A-Fa-f]{{0,4}})(?:%[a-z0-9]{{1,15}})?(?![A-Za-z0-9_:])"
)
_IPV6_LENGTH = 64
"""Maximum characters of an IPv6 address with a zone."""
_COLONS = re.compile(r"::|:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:")
_MIN_COLONS = 2
_VERSION = re.compile(r"(?:\bv|version|release|build|firmware|\bver)\.? ?$", re.IGNORECASE)


def find_cards(text: str, zones: Iterable[Bounds]) -> Iterator[Bounds]:
    """Yield numbers of 13 to 19 digits that start and end at groups, with an issuer's form and a valid check digit.

    `zones` as from `digit_zones`.
    """
    for start, end in zones:
        if end - start >= CARD_LENGTHS.start:
            for run in _GROUPS.finditer(text, start, end + MARGIN):
                if run.end() - run.start() >= CARD_LENGTHS.start:
                    yield from _cards_of(run[0], run.start())


def _cards_of(run: str, offset: int) -> Iterator[Bounds]:
    groups = [match.span() for match in _GROUP.finditer(run)]
    digits = run.translate(_SEPARATORS)
    ends = list(accumulate(end - start for start, end in groups))
    checks, index, start = Luhn(digits), 0, 0
    while index < len(groups):
        last = _card_end(digits, ends, index, checks) if digits[start] in "23456" else None
        if last is not None:
            yield offset + groups[index][0], offset + groups[last][1]
            index = last
        start = ends[index]
        index += 1


def _card_end(digits: str, ends: list[int], first: int, checks: Luhn) -> int | None:
    """Return the group at which the longest card number from group `first` ends, or None."""
    start = ends[first - 1] if first else 0
    low = bisect_left(ends, start + CARD_LENGTHS.start, first, min(first + CARD_LENGTHS.stop, len(ends)))
    high = bisect_left(ends, start + CARD_LENGTHS.stop, low, min(first + CARD_LENGTHS.stop, len(ends)))
    for index in range(high - 1, low - 1, -1):
        if checks.holds(start, ends[index]) and is_card_form(digits[start : ends[index]]):
            return index
    return None


def find_ibans(text: str) -> Iterator[Bounds]:
    """Yield IBANs with the length of their country and a valid checksum, also in groups."""
    for head in matches(_IBAN_HEAD, text):
        start = head.start() - (2 if text[head.start() - 1].isalpha() else 3)
        length = IBAN_LENGTHS.get(text[start : start + 2].upper())
        match = _IBAN.match(text, start) if length else None
        if length is None or match is None:
            continue
        compact = match[0].translate(_SEPARATORS).upper()
        if length > len(compact) or not mod97(compact[:length]):
            continue
        end = match.end() if length == len(compact) else _end_of(match[0], length) + start
        if not text[end : end + 1].isascii() or not text[end : end + 1].isalnum():
            yield start, end


def _end_of(text: str, length: int) -> int:
    """Return the index after the letter or digit with this number."""
    seen = 0
    for at, char in enumerate(text):
        seen += char.isalnum()
        if seen == length:
            return at + 1
    return len(text)


def find_addresses(text: str) -> Iterator[Bounds]:
    """Yield IPv4 and IPv6 addresses, without loopback addresses and version numbers."""
    for pattern in (_IPV4, _IPV4_IN_ADDRESS) if "://" in text else (_IPV4,):
        for match in matches(pattern, text):
            if is_address(match[0]) and not _VERSION.search(text, max(0, match.start() - 12), match.start()):
                yield match.span()
    if text.count(":") < _MIN_COLONS:
        return
    parts: list[Bounds] = []
    for colons in matches(_COLONS, text):
        start = max(0, colons.start() - _IPV6_LENGTH)
        if parts and start <= parts[-1][1]:
            start = parts.pop()[0]
        parts.append((start, colons.end()))
    for start, end in parts:
        for match in matches(_IPV6, text, start, end, _IPV6_LENGTH):
            if match[0].count(":") > 1 and any(map(str.isdigit, match[0])) and is_address(match[0]):
                yield match.span()
