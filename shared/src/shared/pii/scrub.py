"""Removal of personal data and secrets from free text.

Covered: e-mail addresses, phone numbers, payment cards, IBANs, national ids with a checksum or an unmistakable form,
IP addresses, and secrets (known forms of keys, values next to words such as `password`, long random strings). Not
covered: names and postal addresses. Each finding is replaced by a word in brackets, such as `[email]`.
docs/scrubbing.md has the measured recall and precision.

Digits of other scripts, full-width letters and special spaces are normalized first (`normalization`). Time is linear in
the length of the text; most patterns search windows of it, so that other threads run in between (`windowed_search`).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from shared.pii.cards_and_addresses import find_addresses, find_cards, find_ibans
from shared.pii.emails import find_emails, find_spelled_emails, may_be_spelled
from shared.pii.leaked_secrets import find_secrets
from shared.pii.national_ids import find_national_ids
from shared.pii.normalization import Folded, Folding
from shared.pii.phones import find_phones
from shared.pii.windowed_search import Bounds, digit_zones, find_dense_digits

Finder = Callable[[str], Iterable[Bounds]]

REPLACEMENT = r"\[(?:card|email|erased|iban|id|ip|number|phone|secret)\]"
"""A regular expression of what `scrub` or an erasure writes instead of personal data; PostgreSQL reads it, too."""

_SUSPECT = b"0123456789@-_([{"
"""Any finding contains one of these characters, or one of the beginnings of keys in `_HINTS`."""
_HINTS = {
    "A": ("AKIA", "ASIA", "ABIA", "ACCA", "AIza"), "J": ("eyJ",), "G": ("SG.",), "w": ("assw",), "c": ("ecret",),
    "k": ("oken",), "B": ("Bearer",), "T": ("Tearer",),
}  # fmt: skip
"""Character → beginnings that contain it; a character is found five times as fast."""
_UUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[1-8][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}")
"""RFC 9562. Many sessions have one as their id, in which by chance may be what looks like a phone number."""
_UUID_LENGTH = 36
_MIN_DENSE_DIGITS = 1_000
_MIN_ZONE_DIGITS = 6  # of national ids, cards and phone numbers
_MIN_IBAN_DIGITS = 4  # the rest may be letters
_MIN_ADDRESS_DIGITS = 2
_ROUNDS, _ROUNDS_OF_LONG_TEXTS = 8, 2
"""Maximum search rounds. Each takes time for the whole text, and a text may be made so that each finds little."""
_LONG_TEXT = 20_000


class Span(NamedTuple):
    """A finding: the characters `start` to `end`, and their kind, such as `email`."""

    start: int
    end: int
    kind: str


def scrub(text: str) -> str:
    """Return `text` with findings replaced by their kinds in brackets."""
    found = find_spans(text)
    if not found:
        return text
    parts, at = [], 0
    for span in found:
        parts += [text[at : span.start], f"[{span.kind}]"]
        at = span.end
    return "".join((*parts, text[at:]))


def find_spans(text: str) -> list[Span]:
    """Return the findings in `text`, in order."""
    if text.isascii() and (not _is_suspect(text) or (len(text) == _UUID_LENGTH and _UUID.fullmatch(text))):
        return []
    folded = Folded(text, _FOLDING)
    hidden, found = folded.text, list[Span]()
    rounds = _ROUNDS if len(text) <= _LONG_TEXT else _ROUNDS_OF_LONG_TEXTS
    for _ in range(rounds):  # a finding may have hidden another
        before = len(found)
        for kind, finder in _finders(hidden):
            if spans := list(finder(hidden)):
                spans = _apart(spans)
                found += [Span(start, end, kind) for start, end in spans]
                hidden = _without(hidden, spans)
        if len(found) == before:
            break
    return [Span(*folded.origin(start, end), kind) for start, end, kind in sorted(found)]


def _is_suspect(text: str) -> bool:
    raw = text.encode()
    if len(raw.translate(None, _SUSPECT)) < len(raw):
        return True
    for character, hints in _HINTS.items():  # loops are quicker than any()
        if character in text:
            for hint in hints:
                if hint in text:
                    return True
    return may_be_spelled(text)


def _finders(text: str) -> Iterator[tuple[str, Finder]]:
    """Yield the finders that can find something, by cheap checks."""
    raw = text.encode(errors="replace")
    digits = len(raw) - len(raw.translate(None, b"0123456789"))
    if digits > _MIN_DENSE_DIGITS:
        yield "number", find_dense_digits
    yield "secret", find_secrets
    if "@" in text:
        yield "email", find_emails
    if may_be_spelled(text):
        yield "email", find_spelled_emails
    if digits >= _MIN_IBAN_DIGITS:
        yield "iban", find_ibans
    zones = digit_zones(text) if digits >= _MIN_ZONE_DIGITS else []
    if zones:
        yield "card", partial(find_cards, zones=zones)
        yield "id", partial(find_national_ids, zones=zones)
    if digits >= _MIN_ADDRESS_DIGITS and (text.count(".") > 2 or "::" in text or text.count(":") > 6):
        yield "ip", find_addresses
    if zones:
        yield "phone", partial(find_phones, zones=zones)


def _apart(found: Iterable[Bounds]) -> list[Bounds]:
    """Return the bounds in order, without those that overlap one found earlier."""
    kept: list[Bounds] = []
    for start, end in sorted(found, key=lambda bounds: (bounds[0], -bounds[1])):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept


def _without(text: str, spans: list[Bounds]) -> str:
    """Return `text` of the same length with findings overwritten by brackets."""
    parts, at = [], 0
    for start, end in spans:
        parts += [text[at:start], "[" * (end - start - 1), "]"]
        at = end
    return "".join((*parts, text[at:]))


_FOLDING = Folding()
