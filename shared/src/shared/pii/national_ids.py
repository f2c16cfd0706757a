"""Search for national identity, tax and health numbers, by form and checksum.

A form that other numbers also have, such as nine digits, counts only shortly after a word that names it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from shared.pii.checksums import luhn
from shared.pii.windowed_search import MARGIN, Bounds, matches

Check = Callable[[str], bool]

_NAMED_WITHIN = 40
"""Characters between the word that names a number and the number."""
_LEAD = 8
"""Maximum characters of an id before its first digit."""


@dataclass(frozen=True, slots=True)
class _Form:
    """The form of a national id. `named` is a pattern of words of which one must precede it."""

    core: str
    pattern: re.Pattern[str]
    check: Check
    named: re.Pattern[str] | None = None


def find_national_ids(text: str, zones: Iterable[Bounds]) -> Iterator[Bounds]:
    """Yield bounds of national ids in normalized `text`; `zones` as from `digit_zones`."""
    for first, last in zones:
        for possible in matches(_ANY, text, max(0, first - _LEAD), last, MARGIN):
            start = possible.start()
            for form in _FORMS:
                match = form.pattern.match(text, start)
                if match is not None and _is_id(form, match, text):
                    yield match.span()
                    break


def _is_id(form: _Form, match: re.Match[str], text: str) -> bool:
    if not form.check("".join(filter(str.isalnum, match[0])).upper()):
        return False
    start = match.start()
    return form.named is None or form.named.search(text, max(0, start - _NAMED_WITHIN), start) is not None


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def _is_date(year: str, month: str, day: str) -> bool:
    """Whether it is a date; the year has two digits (any century) or four."""
    try:
        date(int(year) + (2000 if len(year) == 2 else 0), int(month), int(day))
    except ValueError:
        return False
    return True


def _us_ssn(n: str) -> bool:
    return n[:3] not in ("000", "666") and n[0] != "9" and n[3:5] != "00" and n[5:] != "0000"


def _es_dni(n: str) -> bool:
    number = str("XYZ".index(n[0])) + n[1:-1] if n[0] in "XYZ" else n[:-1]
    return n[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


_ODD = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22,
    25, 24, 23), strict=True))  # fmt: skip


def _it_codice_fiscale(n: str) -> bool:
    even = sum(int(c) if c.isdigit() else ord(c) - 65 for c in n[1:15:2])
    return chr(65 + (sum(_ODD[c] for c in n[0:15:2]) + even) % 26) == n[15]


def _fr_nir(n: str) -> bool:
    number = n[:13].replace("2A", "19").replace("2B", "18") if n[5:7] in ("2A", "2B") else n[:13]
    return number.isdigit() and 97 - int(number) % 97 == int(n[13:])


def _de_tax_id(n: str) -> bool:
    repeats = sorted(n[:10].count(digit) for digit in set(n[:10]))
    product = 10
    for digit in n[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return n[0] != "0" and repeats[-1] in (2, 3) and repeats[-2] == 1 and (11 - product) % 10 == int(n[10])


def _pl_pesel(n: str) -> bool:
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    month = str(int(n[2:4]) % 20)
    return _is_date(n[:2], month, n[4:6]) and (10 - _weighted(n, weights) % 10) % 10 == int(n[10])


def _nl_bsn(n: str) -> bool:
    return n != "000000000" and _weighted(n, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _pt_nif(n: str) -> bool:
    return (11 - _weighted(n[:8], (9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 11 % 10 == int(n[8])


def _gb_nhs(n: str) -> bool:
    return (11 - _weighted(n[:9], (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 11 == int(n[9])


def _br_cpf(n: str) -> bool:
    first, second = (_weighted(n[:size], tuple(range(size + 1, 1, -1))) * 10 % 11 % 10 for size in (9, 10))
    return len(set(n)) > 1 and (first, second) == (int(n[9]), int(n[10]))


def _be_national(n: str) -> bool:
    return any(97 - int(prefix + n[:9]) % 97 == int(n[9:]) for prefix in ("", "2"))


def _ch_ahv(n: str) -> bool:
    return (10 - _weighted(n[:12], (1, 3) * 6) % 10) % 10 == int(n[12])


def _se_personnummer(n: str) -> bool:
    return _is_date(n[:2], n[2:4], str(int(n[4:6]) % 60)) and luhn(n)


def _cn_resident(n: str) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return _is_date(n[6:10], n[10:12], n[12:14]) and "10X98765432"[_weighted(n[:17], weights) % 11] == n[17]


def _jp_my_number(n: str) -> bool:
    rest = _weighted(n[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if rest <= 1 else 11 - rest) == int(n[11])


def _kr_rrn(n: str) -> bool:
    return _is_date(n[:2], n[2:4], n[4:6])


_VERHOEFF = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTED = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)


def _in_aadhaar(n: str) -> bool:
    check = 0
    for at, digit in enumerate(reversed(n)):
        check = int(_VERHOEFF[check][int(_PERMUTED[at % 8][int(digit)])])
    return check == 0


def _form(pattern: str, check: Check, named: str | None = None) -> _Form:
    words = re.compile(named, re.IGNORECASE) if named else None
    core = rf"(?:{pattern})(?![A-Za-z0-9]|[ .-][0-9])"
    return _Form(core, re.compile(core), check, words)


_FORMS = (
    _form(r"\d{3}-\d{2}-\d{4}", _us_ssn),
    _form(r"\d{3} ?\d{2} ?\d{4}", _us_ssn, r"\bssn\b|social security"),
    _form(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]", lambda _: True),
    _form(r"\d{3}[ -]?\d{3}[ -]?\d{4}", _gb_nhs, r"\bnhs\b"),
    _form(r"(?:\d{2}\.?\d{3}\.?\d{3}|[XYZxyz][ -]?\d{7})[ -]?[A-Za-z]", _es_dni),
    _form(r"[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]", _it_codice_fiscale),
    _form(r"[12][ .]?\d{2}[ .]?\d{2}[ .]?\d[0-9ABab][ .]?\d{3}[ .]?\d{3}[ .-]?\d{2}", _fr_nir),
    _form(r"\d{2}[ /]?\d{3}[ /]?\d{3}[ /]?\d{3}", _de_tax_id),
    _form(r"\d{11}", _pl_pesel),
    _form(r"\d{4}[ .]?\d{2}[ .]?\d{3}|\d{3}[ .]?\d{3}[ .]?\d{3}", _nl_bsn, r"\bbsn\b|burgerservice|sofinummer"),
    _form(r"\d{3}[ .]?\d{3}[ .]?\d{3}", _pt_nif, r"\bnif\b|contribuinte|fiscal"),
    _form(r"\d{3}\.\d{3}\.\d{3}-\d{2}", _br_cpf),
    _form(r"\d{11}", _br_cpf, r"\bcpf\b"),
    _form(r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", _be_national),
    _form(r"756\.?\d{4}\.?\d{4}\.?\d{2}", _ch_ahv),
    _form(r"\d{6}[-+]\d{4}", _se_personnummer),
    _form(r"\d{3}[ -]?\d{3}[ -]?\d{3}", luhn, r"\bsin\b|social insurance|assurance sociale"),
    _form(r"\d{17}[0-9Xx]", _cn_resident),
    _form(r"\d{4}[ -]\d{4}[ -]\d{4}", _jp_my_number),
    _form(r"\d{12}", _jp_my_number, r"マイナンバー|個人番号|my number"),
    _form(r"\d{6}-[1-8]\d{6}", _kr_rrn),
    _form(r"[2-9]\d{3}[ -]\d{4}[ -]\d{4}", _in_aadhaar),
    _form(r"[2-9]\d{11}", _in_aadhaar, r"aadhaar|आधार"),
    _form(r"784-?\d{4}-?\d{7}-?\d", luhn),
)

_ANY = re.compile(
    rf"(?<![A-Za-z0-9.,+/-])(?<![0-9][ .-])(?=[A-Za-z]{{0,6}}[ -]?[0-9])(?={'|'.join(form.core for form in _FORMS)})"
)
"""Matches where a number of any form could start: one pass instead of one per form."""
