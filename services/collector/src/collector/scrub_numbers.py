"""Where card numbers, IBANs, phone numbers and IP addresses are in a text (in the form for detection)."""

import re
from collections.abc import Iterator

from collector.scrub_checks import CARD_LENGTHS, IBAN_LENGTHS, Luhn, is_address, is_card_form, mod97

Bounds = tuple[int, int]

_GROUPS = re.compile(r"(?<![A-Za-z0-9_.,+])[0-9]++(?:[ ./-]{1,2}[0-9]++)*+(?![A-Za-z0-9_])")
_GROUP = re.compile(r"[0-9]+")
_IBAN_HEAD = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})[ .-]?[0-9]{2}(?=[ ./-]{0,2}[A-Za-z0-9])")
_IBAN = re.compile(r"[A-Za-z]{2}[ .-]?[0-9]{2}(?:[ ./-]{0,2}[A-Za-z0-9]){11,30}")
_SEPARATORS = str.maketrans("", "", " ./-")

_DATE = re.compile(
    r"(?:(?:1[6-9]|2[0-3])\d\d[-./](?:0?[1-9]|1[0-2])[-./](?:0?[1-9]|[12]\d|3[01])|"
    r"(?:0?[1-9]|[12]\d|3[01])[-./](?:0?[1-9]|[12]\d|3[01])[-./](?:(?:1[6-9]|2[0-3])\d\d|\d\d))(?![-./]?\d)"
)
_PHONE = re.compile(
    r"(?=[(+0-9])(?:(?<![A-Za-z0-9_.,:/+-])|(?<=[^\W\d_]:)|(?<=\.:)|(?<=wa\.me/)|(?<=/)(?=\+)|(?<=[A-Za-z]\.)(?=[+0(]))"
    r"\(?(?:\+ ?)?[0-9](?:(?:[ ./-]|\) ?-?|[ /-]?\()?[0-9]){6,16}(?![A-Za-z0-9_])"
)
_AREA_CODE = re.compile(
    r"(?=[(0])(?<![A-Za-z0-9_.,:/+-])\(?0[1-9]\d{1,4}\)? [/-] [0-9](?: ?[0-9]){4,10}(?![A-Za-z0-9_])"
)
_NORTH_AMERICAN = re.compile(r"(?:\+?1[ ./-]?)?(?:\([2-9]\d{2}\)[ -]?|[2-9]\d{2}([ ./-]))[2-9]\d{2}[ ./-]\d{4}")
_NAMED = re.compile(
    r"(?<!\[)phone|\btel|t[eé]l[eé]|fono|mobil|m[oó]vil|telem[oó]vel|cellul|\bcell|\bfax|whats ?app|signal|viber|"
    r"\bsms\b|\bcall|\bring\b|\btext(?:ed)? me|dial|llam|ll[aá]ma|appel|anruf|ruf|erreich|chiam|zadzwo|dzwon|kom[oó]rk|"
    r"bell?en|\bbel\b|liga|ligue|contact|contatt|kontakt|n[uú]mero|numer|nummer|number|num[ée]ro|電話|携帯|番号|هاتف|جوال|رقم|اتصل",
    re.IGNORECASE,
)
_NAMED_WITHIN = 60
_NATIONAL = re.compile(
    r"[1-9]\d{8}|\d{2} \d{3} \d{2} \d{2}|\d{3}([ .-])\d{3}\1\d{3,4}|\d{3} \d{2} \d{2} \d{2}|\d{3}[ .-]\d{6,7}"
)
_COUNTED = re.compile(
    r" ?(?:[€$£¥%]|euros?\b|eur\b|usd\b|dollars?\b|z[łl]\b|pln\b|people|personas|osób|habitant|units?\b)", re.I
)

_IPV4 = re.compile(r"(?=[0-9])(?<![A-Za-z0-9_.,/-])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![A-Za-z0-9_]|\.[0-9]|-[0-9])")
_IPV4_IN_ADDRESS = re.compile(r"(?<=://)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9])")
_IPV6 = re.compile(
    r"(?:(?<![A-Za-z0-9_:.])|(?<=[^\x00-\x7f]:)|(?<=[g-zG-Z]:))(?:[0-9A-Fa-f]{1,4}:|::)(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}(?![A-Za-z0-9_:])"
)
_IPV6_COLONS = 7
_VERSION = re.compile(r"(?:\bv|version|release|build|firmware|\bver)\.? ?$", re.IGNORECASE)


def find_cards(text: str) -> Iterator[Bounds]:
    """Numbers of 13 to 19 digits that start and end at groups, with an issuer's form and a right check digit."""
    for run in _GROUPS.finditer(text):
        if run.end() - run.start() >= CARD_LENGTHS.start:
            yield from _cards_of(run[0], run.start())


def _cards_of(run: str, offset: int) -> Iterator[Bounds]:
    groups = [match.span() for match in _GROUP.finditer(run)]
    digits = run.translate(_SEPARATORS)
    ends, total = [], 0
    for start, end in groups:
        total += end - start
        ends.append(total)
    checks, index = Luhn(digits), 0
    while index < len(groups):
        last = _card_end(digits, ends, index, checks)
        if last is None:
            index += 1
            continue
        yield offset + groups[index][0], offset + groups[last][1]
        index = last + 1


def _card_end(digits: str, ends: list[int], first: int, checks: Luhn) -> int | None:
    """The group at which a card that starts at group `first` ends, or None. Looks at 19 groups at most."""
    start = ends[first - 1] if first else 0
    if digits[start] not in "23456":
        return None
    found = None
    for index in range(first, min(first + CARD_LENGTHS.stop, len(ends))):
        size = ends[index] - start
        if size >= CARD_LENGTHS.stop:
            break
        if size in CARD_LENGTHS and checks.holds(start, ends[index]) and is_card_form(digits[start : ends[index]]):
            found = index
    return found


def find_ibans(text: str) -> Iterator[Bounds]:
    """IBANs with the length of their country and a right checksum, also in groups."""
    for head in _IBAN_HEAD.finditer(text):
        length = IBAN_LENGTHS.get(head[1].upper())
        match = _IBAN.match(text, head.start()) if length else None
        if length is None or match is None:
            continue
        compact = match[0].translate(_SEPARATORS).upper()
        if length > len(compact) or not mod97(compact[:length]):
            continue
        end = match.end() if length == len(compact) else _end_of(match[0], length) + match.start()
        if not text[end : end + 1].isascii() or not text[end : end + 1].isalnum():
            yield match.start(), end


def _end_of(text: str, length: int) -> int:
    """Behind the letter or digit with this number."""
    seen = 0
    for at, char in enumerate(text):
        seen += char.isalnum()
        if seen == length:
            return at + 1
    return len(text)


def find_phones(text: str) -> Iterator[Bounds]:
    """International numbers, national ones with a leading 0, North American ones, and nine digits that are named."""
    yield from (match.span() for match in _AREA_CODE.finditer(text))
    for match in _PHONE.finditer(text):
        if is_phone(match[0]) or (_is_national(match[0]) and _is_named(text, match)):
            yield match.span()
        elif size := _first_phone(match[0]):
            yield match.start(), match.start() + size


def _first_phone(text: str) -> int:
    """The length of the phone number that `text`, which is too long for one, starts with; 0 if it does not."""
    if text[0] not in "(+0":
        found = _NORTH_AMERICAN.match(text)
        return found.end() if found and not text[found.end() : found.end() + 1].isdigit() else 0
    ends = [group.end() for group in _GROUP.finditer(text)][-2::-1]
    return next((end for end in ends if is_phone(text[:end])), 0)


def is_phone(text: str) -> bool:
    """Whether it is a phone number by itself: international (+ or 00), with a leading 0, or North American."""
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
    return re.fullmatch(r"0[1-9](?:\.\d\d){4}", text) is not None


def _is_national(text: str) -> bool:
    shown = text.strip("()")
    return _NATIONAL.fullmatch(shown) is not None and _DATE.match(shown) is None


def _is_named(text: str, match: re.Match[str]) -> bool:
    before = _NAMED.search(text, max(0, match.start() - _NAMED_WITHIN), match.start())
    near = before or _NAMED.search(text, match.end(), match.end() + _NAMED_WITHIN // 2)
    return near is not None and _COUNTED.match(text, match.end()) is None


def find_addresses(text: str) -> Iterator[Bounds]:
    """IPv4 and IPv6 addresses; loopback addresses and what is called a version are none."""
    for pattern in (_IPV4, _IPV4_IN_ADDRESS) if "://" in text else (_IPV4,):
        for match in pattern.finditer(text):
            if is_address(match[0]) and not _VERSION.search(text, max(0, match.start() - 12), match.start()):
                yield match.span()
    for match in _IPV6.finditer(text) if "::" in text or text.count(":") >= _IPV6_COLONS else ():
        if any(map(str.isdigit, match[0])) and is_address(match[0]):
            yield match.span()
