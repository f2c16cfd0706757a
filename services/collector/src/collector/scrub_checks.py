"""Whether a string of the right look really is a card number, an IBAN or a phone number."""

import re

_LENGTHS = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18
FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20
LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24
SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20
"""
IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _LENGTHS.split()}
"""Country → length of its IBANs (ISO 13616 registry)."""

_DATE = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d{2})")
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_NORTH_AMERICAN = re.compile(r"(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}")


def luhn(digits: str) -> bool:
    """The checksum of payment cards (ISO/IEC 7812-1); cards start with 2 to 6."""
    if digits[0] not in "23456":
        return False
    total = 0
    for index, char in enumerate(reversed(digits)):
        value = int(char) * (1 + index % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def mod97(iban: str) -> bool:
    """The checksum of IBANs (ISO 7064 mod 97-10); `iban` without blanks."""
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def is_phone(text: str) -> bool:
    """International (+ or 00), or national with separators; dates, IP addresses and plain numbers are not."""
    shown = text.strip("()").strip()
    if _DATE.match(shown) or _IPV4.fullmatch(shown):
        return False
    digits = sum(char.isdigit() for char in text)
    if text.lstrip("(").startswith("+"):
        return 8 <= digits <= 15
    if shown.startswith("00"):
        return 10 <= digits <= 16 and shown[2] != "0"
    if shown.startswith("0"):
        return 9 <= digits <= 12 and len(shown) > 1 and shown[1] not in "0."
    return _NORTH_AMERICAN.fullmatch(text) is not None
