"""Takes personal data and secrets out of free text.

Covered: e-mail addresses, phone numbers (international, or with national separators), payment cards (Luhn),
IBANs (ISO 13616, mod 97), and strings that look like keys (known prefixes, PEM blocks, JWTs, long random
tokens). Not covered: names and postal addresses. Each find becomes a word in brackets, such as `[email]`.
"""

import math
import re
from collections import Counter
from collections.abc import Callable

from collector.scrub_checks import IBAN_LENGTHS, is_phone, luhn, mod97

_SUSPECT = b"0123456789@-_"
"""What is covered holds one of these characters, or one of the beginnings of keys that `_once` looks for."""
_MIN_DIGITS = 8  # of phone numbers; cards and IBANs have more

_EMAIL = re.compile(r"(?<![\w.%+'-])[\w.%+'-]++@(?:[\w-]{1,63}\.){1,8}[\w-]{2,63}")
_PEM = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,20000}(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?")
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*+")
_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}+|gh[opusr]_[A-Za-z0-9]{16,}+|github_pat_\w{16,}+|glpat-[\w-]{16,}+|"
    r"xox[abeprs]-[A-Za-z0-9-]{10,}+|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{35}|ya29\.[\w-]{16,}+|"
    r"(?:hf|npm|dop_v1)_[A-Za-z0-9]{16,}+|pypi-[\w-]{16,}+|SG\.[\w-]{16,}+\.[\w-]{16,}+)"
)
_TOKEN = re.compile(r"(?<![\w+=-])[\w+=-]{32,}+", re.ASCII)
_DIGIT_GROUPS = re.compile(r"(?<![\w.+])[0-9]++(?:[ -][0-9]++)*+(?![\w])")
_IBAN_HEAD = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?=[ -]?[A-Za-z0-9])")
_PHONE = re.compile(r"(?<![\w.,:/+-])\(?(?:\+|[0-9])[0-9 ().\-/\u2011]{5,24}[0-9](?![\w])")

_TOKEN_LENGTH = 32
_TOKEN_ENTROPY_BITS = 4.0


def scrub(text: str) -> str:
    """`text` without what is covered. Scrubbing twice changes nothing more; time is linear in its length."""
    while (found := _once(text)) != text:
        # A find may have hidden another. Each round takes away a digit, an @ or a key prefix, so this ends.
        text = found
    return text


def _once(text: str) -> str:
    """One round. The checks before each pattern are cheap, and nearly all texts need nothing else."""
    raw = text.encode("utf-8", "surrogatepass")
    hinted = "AKIA" in text or "ASIA" in text or "AIza" in text or "eyJ" in text or "SG." in text
    if not hinted and len(raw.translate(None, _SUSPECT)) == len(raw):
        return text
    if hinted or "-" in text or "_" in text or "ya29." in text:
        text = _keys(text)
    if "@" in text:
        text = _EMAIL.sub("[email]", text)
    digits = sum(map(text.count, "0123456789"))
    if digits and len(text) >= _TOKEN_LENGTH:
        text = _TOKEN.sub(_replace_if(_is_random, "[secret]"), text)
    return _numbers(text) if digits >= _MIN_DIGITS else text


def _keys(text: str) -> str:
    if "PRIVATE KEY" in text:
        text = _PEM.sub("[secret]", text)
    if "eyJ" in text:
        text = _JWT.sub("[secret]", text)
    return _PREFIXED.sub("[secret]", text)


def _numbers(text: str) -> str:
    text = _ibans(text)
    text = _DIGIT_GROUPS.sub(lambda match: _cards(match.group()), text)
    return _PHONE.sub(_replace_if(is_phone, "[phone]"), text)


def _replace_if(check: Callable[[str], bool], word: str) -> Callable[[re.Match[str]], str]:
    return lambda match: word if check(match.group()) else match.group()


def _is_random(token: str) -> bool:
    """A long token of mixed case with digits and high entropy. Hex digests and UUIDs are no secrets."""
    if not (any(c.islower() for c in token) and any(c.isupper() for c in token) and any(c.isdigit() for c in token)):
        return False
    size = len(token)
    entropy = -sum(n / size * math.log2(n / size) for n in Counter(token).values())
    return entropy >= _TOKEN_ENTROPY_BITS


def _cards(run: str) -> str:
    """A run of digit groups, without the card numbers (13 to 19 digits, Luhn) that start at one of its groups."""
    if len(run) < 13:
        return run
    groups = list(re.finditer(r"[0-9]+", run))
    kept, at, index = [], 0, 0
    while index < len(groups):
        end = _card_end(run, groups, index)
        if end is None:
            index += 1
            continue
        kept += [run[at : groups[index].start()], "[card]"]
        at, index = groups[end].end(), end + 1
    return "".join((*kept, run[at:]))


def _card_end(run: str, groups: list[re.Match[str]], first: int) -> int | None:
    """The group at which a card that starts at group `first` ends, or None."""
    digits = ""
    for index in range(first, len(groups)):
        digits += groups[index].group()
        if len(digits) > 19:
            return None
        if len(digits) >= 13 and luhn(digits):
            return index
    return None


def _ibans(text: str) -> str:
    kept, at = [], 0
    for head in _IBAN_HEAD.finditer(text):
        length = IBAN_LENGTHS.get(head.group()[:2].upper())
        if length is None or head.start() < at:
            continue
        end = _iban_end(text, head.start(), length)
        if end is not None:
            kept += [text[at : head.start()], "[iban]"]
            at = end
    return "".join((*kept, text[at:]))


def _iban_end(text: str, start: int, length: int) -> int | None:
    """Where the IBAN of `length` characters that starts at `start` ends; single blanks or dashes may part it."""
    compact, position = "", start
    while len(compact) < length and position < len(text):
        char = text[position]
        if char.isascii() and char.isalnum():
            compact += char
        elif char not in " -" or not text[position - 1].isalnum():
            return None
        position += 1
    if len(compact) < length or (position < len(text) and text[position].isalnum()):
        return None
    return position if mod97(compact) else None
