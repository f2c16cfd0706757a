"""Checksums and forms of card numbers, IBANs and IP addresses."""

import ipaddress
import re
from itertools import accumulate

_LENGTHS = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18
FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20
LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24
SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20
"""
IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _LENGTHS.split()}
"""Country → length of its IBANs (ISO 13616 registry)."""

_CARDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|"
    r"6(?:011|4[4-9]\d|5\d\d)\d{12,15}|62\d{14,17}|35(?:2[89]|[3-8]\d)\d{12,15}|3(?:0[0-5]|[689]\d)\d{11,16}|"
    r"(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{9,15}"
)
"""Lengths by issuer: Visa, Mastercard, American Express, Discover, UnionPay, JCB, Diners Club, Maestro."""

CARD_LENGTHS = range(13, 20)
_PLAIN = bytes((code - 48) % 256 for code in range(256))
_DOUBLED = bytes(value * 2 - 9 * (value > 4) if value < 10 else 0 for value in range(256))


class Luhn:
    """Luhn checksums (ISO/IEC 7812-1) of any part of a run of digits, each in constant time."""

    def __init__(self, digits: str) -> None:
        plain = digits.encode().translate(_PLAIN)
        doubled = plain.translate(_DOUBLED)
        even, odd = bytearray(plain), bytearray(plain)
        even[::2], odd[1::2] = doubled[::2], doubled[1::2]
        self._even = list(accumulate(even, initial=0))
        self._odd = list(accumulate(odd, initial=0))

    def holds(self, start: int, end: int) -> bool:
        """Tell whether the digits `start` to `end` have a valid check digit."""
        sums = self._even if end % 2 == 0 else self._odd
        return (sums[end] - sums[start]) % 10 == 0


def luhn(digits: str) -> bool:
    """Tell whether the last digit is a valid check digit."""
    return Luhn(digits).holds(0, len(digits))


def is_card_form(digits: str) -> bool:
    """Tell whether a number has the prefix and length of an issuer."""
    return _CARDS.fullmatch(digits) is not None


def mod97(iban: str) -> bool:
    """Tell whether an IBAN without spaces has a valid checksum (ISO 7064 mod 97-10)."""
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def is_address(text: str) -> bool:
    """Tell whether `text` is an IPv4 or IPv6 address, but no loopback or unspecified one."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)
