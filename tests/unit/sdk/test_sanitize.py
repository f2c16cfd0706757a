"""Invisible characters are removed or escaped; those that a script or an emoji needs are kept."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet.sanitize import hides, is_invisible, visible, without_any_invisible, without_invisible

HIDDEN = [
    "\u00ad", "\u034f", "\u061c", "\u115f", "\u1160", "\u17b4", "\u180b", "\u180e", "\u180f", "\u200b", "\u200c",
    "\u200d", "\u200e", "\u200f", "\u2028", "\u202a", "\u202e", "\u2060", "\u2064", "\u2066", "\u2069", "\u206f",
    "\u2800", "\u3164", "\ufe00", "\ufe0e", "\ufe0f", "\ufeff", "\uffa0", "\ufff9", "\U0001d159", "\U0001d173",
    "\U000e0001", "\U000e0041", "\U000e007f", "\U000e0100", "\U000e01ef", "\U000e0fff", "\x00", "\x1b", "\x85",
    "\ue000", "\U0010ffff",
]  # fmt: skip
NEEDED = [
    "❤\ufe0f", "1\ufe0f\u20e3", "👩\u200d💻", "👩🏽\u200d🚀", "🏳\ufe0f\u200d🌈", "👨\u200d👩\u200d👧", "©\ufe0f",
    "می\u200cخواهم", "क्\u200dष", "क्\u200cष", "শ্\u200dয",
]  # fmt: skip
MIXED = st.lists(st.sampled_from([*HIDDEN, *NEEDED, "a", "❤", "ی", "ا", "्", "क"]) | st.characters(), max_size=12)


@pytest.mark.parametrize("character", HIDDEN, ids=lambda c: f"{ord(c):x}")
def test_invisible_characters_are_removed_from_words(character: str) -> None:
    for text in (f"a{character}b", character, f"{character}a", f"a{character}", f"漢{character}字", f"ا{character}ب"):
        assert is_invisible(character)
        assert without_invisible(text) == without_any_invisible(text) == text.replace(character, "")
        assert visible(text) == text.replace(character, f"<U+{ord(character):04X}>")


@pytest.mark.parametrize("text", NEEDED)
def test_characters_needed_by_scripts_and_emoji_are_kept(text: str) -> None:
    assert without_invisible(text) == visible(text) == text
    assert without_any_invisible(text) != text


@pytest.mark.parametrize(
    "text",
    [
        "👩\u200d\u200d💻",
        "❤\ufe0f\ufe0f",
        "x\ufe0f\u200d❤",
        "👩\u200dx",
        "1\ufe0f1",
        "دا\u200cد",
        "ی\u200c\u200cم",
        "क्\u200d\u115f",
        "\U0001d159\u200d\U0001f000",
    ],
)
def test_only_one_joiner_is_kept_at_a_position(text: str) -> None:
    once = without_invisible(text)
    assert without_invisible(once) == once != text


@given(MIXED.map("".join))
def test_sanitising_is_idempotent_and_complete(text: str) -> None:
    once = without_invisible(text)
    assert without_invisible(once) == once
    assert not any(hides(once, at) for at in range(len(once)))
    assert not any(is_invisible(c) for c in without_any_invisible(text))
    assert not any(hides(visible(text), at) for at in range(len(visible(text))))


@given(MIXED.map("".join), MIXED.map("".join))
def test_different_texts_are_shown_differently(a: str, b: str) -> None:
    assert (visible(a) == visible(b)) == (a == b)


def test_every_format_character_is_listed_or_visible() -> None:
    marks = {c for c in map(chr, range(0x110000)) if unicodedata.category(c) == "Cf" and not is_invisible(c)}
    assert {unicodedata.name(c).split()[0] for c in marks} == {"ARABIC", "SYRIAC", "KAITHI"}
