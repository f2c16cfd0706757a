"""Scrubbing: what is removed, what is unchanged, idempotence and linear time."""

import re
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ratchet_evaluation.domain import training_data
from shared.pii import emails
from shared.pii.cards_and_addresses import find_cards
from shared.pii.checksums import Luhn
from shared.pii.scrub import REPLACEMENT, scrub
from tests.support.soak import scaled

FOUND = {
    "[email]": ["joe.doe+tag@mail.example.co.uk", "a@b.io", "ANN_SMITH@EXAMPLE.COM", "jürgen@müller.de", "o'neil@x.ie"],
    "[phone]": [
        "+49 170 1234567", "+1 (555) 234-5678", "(555) 234-5678", "555-234-5678", "0044 20 7946 0958",
        "030 1234 5678", "0170/1234567", "+4915112345678", "1-555-234-5678",
    ],
    "[card]": ["4111 1111 1111 1111", "4111-1111-1111-1111", "5500005555555559", "378282246310005", "6011000990139424"],
    "[iban]": [
        "DE89 3704 0044 0532 0130 00", "gb82west12345698765432", "FR1420041010050500013M02606", "NO9386011117947",
    ],
    "[secret]": [
        "sk-proj-abcdefghijklmnop1234", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "AKIAIOSFODNN7EXAMPLE", "xoxb-2048105-abcdefabcdef", "AIzaSyA-abcdefghijklmnopqrstuvwxyz12345",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r", "glpat-abcdefghij1234567890",
        "rk_key1_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "hf_abcdefghijklmnopqrstuvwx",
        "aGVsbG8gd29ybGQhIFRoaXMgaXMgYSBzZWNyZXQ5OQ",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQ\n-----END RSA PRIVATE KEY-----",
    ],
}  # fmt: skip

LEFT_ALONE = [
    "2026-11-21 10:00:00", "01.02.2026", "2026-11-21T10:00:00Z", "1,000,000 items", "v1.2.3.4", "127.0.0.1",
    "1700000000", "3.14159265358979", "10.1145/3318464.3389700", "00000000-0000-4000-8000-000000000000",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "order 12345678", "page 12 of 200",
    "4111 1111 1111 1112", "DE89 3704 0044 0532 0130 05", "user@ home", "@channel",
    "a-very-long-hyphenated-word-in-a-text",
    "snake_case_identifier_of_a_function", "I gave it 5/5, 10 out of 10!", "12:30-14:45",
    "$1,234.56", "ISBN 978-3-16-148410-0",
    "risk-based approach", "the task_manager class",
]  # fmt: skip

PIECES = [item for items in FOUND.values() for item in items]


@pytest.mark.parametrize(("word", "text"), [(word, text) for word, texts in FOUND.items() for text in texts])
def test_recall(word: str, text: str) -> None:
    assert scrub(f"It is {text}, you know") == f"It is {word}, you know"


@given(st.uuids(version=4))
@example(UUID("03923845-0264-4491-a2a9-908ceebb6118"))
def test_session_that_is_a_uuid_is_unchanged(session: UUID) -> None:
    assert scrub(str(session)) == str(session)


def test_form_of_a_uuid_is_exact() -> None:
    assert "[phone]" in scrub("03923845-0264-0491-a2a9-908ceebb6118")


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_precision(text: str) -> None:
    assert scrub(f"It is {text}, you know") == f"It is {text}, you know"


def test_card_is_found_next_to_other_numbers() -> None:
    assert scrub("order 1234 4111 1111 1111 1111 shipped") == "order 1234 [card] shipped"


@given(st.lists(st.sampled_from(PIECES) | st.text(alphabet="aZ09@.-_+ ()/é\n", max_size=12), max_size=6))
def test_scrubbing_is_idempotent(parts: list[str]) -> None:
    once = scrub("".join(parts))
    assert scrub(once) == once


@given(st.text(alphabet="abcdefghij klmnop.,!?", max_size=300))
def test_plain_words_are_unchanged(text: str) -> None:
    assert scrub(text) == text


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "char",
    [
        "4 1 1 1 1 1 ",
        "DE89 3704 ",
        "a@a@a@",
        "2345 6789 0123 ",
        "::1:",
        "(0",
        "0 ",
        "１ ",
        "a",
        "@",
        "1",
        "1 ",
        "a.",
        "a@",
        "-",
        "(",
        "+1",
        "eyJ",
        "DE89 ",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_time_is_linear(char: str) -> None:
    """Milliseconds; a backtracking implementation would need hours."""
    assert scrub(char * (scaled(100_000, 100_000, unit=25_000) // len(char)))


class CountingLuhn(Luhn):
    """Counts how often a checksum is computed."""

    asked = 0

    def holds(self, start: int, end: int) -> bool:
        CountingLuhn.asked += 1
        return super().holds(start, end)


def test_each_group_of_digits_costs_at_most_a_few_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.pii.cards_and_addresses.Luhn", CountingLuhn)
    asked = []
    for size in (1_000, 2_000, 4_000):
        CountingLuhn.asked = 0
        text = "4 1 1 1 1 1 " * size
        list(find_cards(text, [(0, len(text))]))
        asked.append(CountingLuhn.asked / size)
    assert max(asked) <= 6 * 7
    assert asked[2] <= asked[0] * 1.1, "no more for each in a longer text"


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("٠١٢ ٣٤٥٦ ٧٨٩٠ هاتف", "[phone] هاتف"),
        ("カード４１１１　１１１１　１１１１　１１１１です", "カード[card]です"),
        ("call \u202a+49 170 1234567\u202c now", "call \u202a[phone]\u202c now"),
        ("41\u200b11 1111 1111\u00ad 1111", "[card]"),
        ("ﬁne: a@b.io, ﬁne", "ﬁne: [email], ﬁne"),
        ("tel:+4930123456 or tel.: 030/123456", "tel:[phone] or tel.: [phone]"),
        ("030 1234 5678 / 0170 1234567", "[phone] / [phone]"),
        ("postgres://app:s3cr3t-pw@db:5432/x", "postgres://app:[secret]@db:5432/x"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key = [secret]"),
        ('{"password": "hunter22"}', '{"password": "[secret]"}'),
        ("from 192.168.1.17 and [2001:db8::8a2e:370:7334]", "from [ip] and [[ip]]"),
        ("v1.2.3.4, version 10.2.3.4, 127.0.0.1, ::1, std::max, 12:30:45", None),
        ("SSN 123-45-6789, DNI 12345678Z, RSSMRA85T10A562S", "SSN [id], DNI [id], [id]"),
        ("DNI 12345678A, RSSMRA85T10A562X, 000-45-6789", None),
        ("BSN 111222333", "BSN [id]"),
        ("parcel 111222333", None),
        ("600 000 000 €", None),
    ],
)  # fmt: skip
def test_other_scripts_separators_and_forms(text: str, scrubbed: str | None) -> None:
    assert scrub(text) == (text if scrubbed is None else scrubbed)


_PIECES = st.sampled_from(
    [*"([{<@. ", "at", " at ", " arroba ", "chiocciola", "ma", " dot ", " punkt ", "PU", "kr", "ann", "İ", "x"]
)


@given(st.lists(_PIECES, max_size=8).map("".join))
def test_the_quick_check_for_spelled_addresses_is_exact(text: str) -> None:
    lower = text.lower()
    marked = any(mark + word in lower for mark in emails._OPENED for word in ("at", "@", "ar", "ch", "ma"))
    spelled = any(word in lower for word in emails._AT_WORDS) and any(word in lower for word in emails._DOT_MARKS)
    assert emails.may_be_spelled(text) is (marked or spelled)


def test_every_replacement_is_recognised_as_one() -> None:
    assert all(re.fullmatch(REPLACEMENT, kind) for kind in FOUND)
    assert re.fullmatch(REPLACEMENT, scrub("1" * 1_500))
    assert training_data._SCRUBBED.pattern == REPLACEMENT  # a package of its own, without the services' code
