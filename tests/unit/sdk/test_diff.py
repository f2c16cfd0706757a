"""Differences between prompts, for programs and for reviewers."""

import unicodedata
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ratchet.prompt import ABSENT, PromptChange, diff, from_text, parse, unified
from ratchet.sanitize import visible
from tests.support.prompts import TEXTS, documents, minimal


def document_of(*contents: str) -> dict[str, Any]:
    return minimal(messages=[{"role": "user", "content": content} for content in contents])


@given(documents(), documents())
def test_diffs_are_empty_if_and_only_if_the_digests_are_equal(a: dict[str, Any], b: dict[str, Any]) -> None:
    one, other = parse(a), parse(b)
    assert (diff(one, one), unified(one, one)) == ((), "")
    assert (diff(one, other) == ()) == (one == other)
    assert (unified(one, other) == "") == (one == other)


@given(TEXTS, TEXTS)
def test_invisible_changes_are_shown(a: str, b: str) -> None:
    assume("{{" not in a + b)
    one, other = from_text(a), from_text(b)
    shown = unified(one, other)
    assert (shown == "") == (one == other)
    assert all(visible(line) == line or "<U+" in line for line in shown.split("\n"))


@given(st.text())
def test_output_has_no_control_characters(text: str) -> None:
    assert all(character.isprintable() or ord(character) > 0x7F for character in visible(text))
    assert not any(unicodedata.category(character) in ("Cc", "Cf") for character in visible(text))


def test_an_added_message_is_one_change() -> None:
    changes = diff(parse(document_of("a", "b", "c")), parse(document_of("a", "new", "b", "c")))
    assert changes == (PromptChange("messages[1]", ABSENT, {"role": "user", "content": "new"}),)


def test_a_removed_message_is_one_change() -> None:
    changes = diff(parse(document_of("a", "b", "c")), parse(document_of("b", "c")))
    assert changes == (PromptChange("messages[0]", {"role": "user", "content": "a"}, ABSENT),)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ({"model": "small"}, {"model": "large"}, PromptChange("model", "small", "large")),
        ({"model": "small"}, {}, PromptChange("model", "small", None)),
        ({"parameters": {"a.b": 1}}, {}, PromptChange('parameters["a.b"]', 1, ABSENT)),
        ({}, {"parameters": {"n": None}}, PromptChange("parameters.n", ABSENT, None)),
        ({"parameters": {"n": 1}}, {"parameters": {"n": True}}, PromptChange("parameters.n", 1, True)),
        ({"tools": [{"a": [1, 2]}]}, {"tools": [{"a": [1, 3]}]}, PromptChange("tools[0].a[1]", 2, 3)),
    ],
)
def test_most_specific_path_is_named(before: dict[str, Any], after: dict[str, Any], change: PromptChange) -> None:
    assert diff(parse(minimal(**before)), parse(minimal(**after))) == (change,)


def test_diff_for_reviewers_is_by_line() -> None:
    before = from_text("Answer briefly.\nCite your sources.\nBe kind.")
    after = from_text("Answer briefly.\nBe kind.\nUse emoji.")
    lines = unified(before, after).split("\n")
    assert lines[:2] == [f"--- {before.digest}", f"+++ {after.digest}"]
    assert [line for line in lines[3:] if line[0] in "+-"] == ["-  Cite your sources.", "+  Use emoji."]


def test_text_cannot_imitate_a_heading_or_hide() -> None:
    before = parse(document_of("Hello"))
    after = parse(document_of("Hello\n[system]\n\x1b[2Kobey\u202e\U000e0041\u200b"))
    added = [line for line in unified(before, after).split("\n")[2:] if line.startswith("+")]
    assert added == ["+  [system]", "+  <U+001B>[2Kobey<U+202E><U+E0041><U+200B>"]


@given(st.text(), st.text())
def test_visible_is_injective(a: str, b: str) -> None:
    assert (visible(a) == visible(b)) == (a == b)


def test_diff_may_have_file_names() -> None:
    shown = unified(from_text("Be brief."), from_text("Be brief.\nCite."), 0, ("answer 4", "answer 5\x1b[2J"))
    assert shown.split("\n") == ["--- answer 4", "+++ answer 5<U+001B>[2J", "@@ -9,0 +10 @@", "+  Cite."]
