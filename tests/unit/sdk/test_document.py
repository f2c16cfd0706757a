"""Valid prompt documents, and their canonical form."""

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet.prompt import MAX_BYTES, PromptError, from_text, parse, parse_json, with_slot
from ratchet.prompt.errors import at, quoted
from tests.support.prompts import documents, minimal, reordered

SET = "sha256:" + "a" * 64


@given(documents(), st.randoms())
def test_digest_does_not_depend_on_key_order(document: dict[str, Any], random: Any) -> None:
    assert parse(reordered(document, random)).digest == parse(document).digest


@given(documents())
def test_canonical_form_round_trips(document: dict[str, Any]) -> None:
    prompt = parse(document)
    again = parse_json(prompt.canonical())
    assert (again, again.canonical(), again.digest) == (prompt, prompt.canonical(), prompt.digest)
    assert parse(prompt.to_dict()) == prompt


@given(documents(), documents())
def test_digests_are_equal_if_and_only_if_the_canonical_forms_are(a: dict[str, Any], b: dict[str, Any]) -> None:
    first, other = parse(a), parse(b)
    assert (first.digest == other.digest) == (first.canonical() == other.canonical())
    assert (first == other) == (first.digest == other.digest)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_line_endings_and_unicode_composition_are_normalised(text: str) -> None:
    composed = from_text(text)
    assert from_text(unicodedata.normalize("NFD", text)) == composed
    assert from_text(text.replace("\r\n", "\n").replace("\n", "\r\n")) == composed


def test_absent_fields_are_explicit_in_the_canonical_form() -> None:
    document = parse(minimal()).to_dict()
    assert document == {
        "schema": "ratchet.prompt/1",
        "messages": [{"role": "user", "content": "Hello"}],
        "variables": {},
        "model": None,
        "parameters": {},
        "tools": [],
        "response_format": None,
        "slots": {},
    }


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ({"parameters": {"temperature": 1.0}}, {"parameters": {"temperature": 1}}),
        ({"parameters": {"bias": -0.0}}, {"parameters": {"bias": 0}}),
        ({"parameters": {"seed": 10**20}}, {"parameters": {"seed": 1e20}}),
        ({"parameters": None, "tools": None, "variables": None, "slots": None}, {}),
    ],
)
def test_the_same_meaning_has_the_same_digest(first: dict[str, Any], other: dict[str, Any]) -> None:
    assert parse(minimal(**first)).digest == parse(minimal(**other)).digest


def test_true_is_not_one() -> None:
    assert parse(minimal(parameters={"logprobs": True})) != parse(minimal(parameters={"logprobs": 1}))


def test_text_declares_its_variables() -> None:
    prompt = from_text("Summarise {{ article }} for {{reader}}, then {{article}}; keep {{#if x}} and \\{{ raw }}")
    assert list(prompt.variables) == ["article", "reader"]
    assert "Summarise {{article}} for" in str(prompt.to_dict()["messages"])
    assert "\\\\{{ raw }}" in prompt.canonical().decode()


def test_slot_returns_its_example_set() -> None:
    prompt = parse(minimal(messages=[{"slot": "examples"}], slots={"examples": {}}))
    filled = with_slot(prompt, "examples", SET)
    assert filled.slots["examples"].set == SET
    assert filled != prompt
    assert with_slot(filled, "examples", None) == prompt


@pytest.mark.parametrize(
    ("slot", "value", "field"), [("other", SET, "slots.other"), ("examples", "x", "slots.examples.set")]
)
def test_invalid_slot_or_set_is_rejected(slot: str, value: str, field: str) -> None:
    prompt = parse(minimal(messages=[{"slot": "examples"}], slots={"examples": {}}))
    with pytest.raises(PromptError) as refusal:
        with_slot(prompt, slot, value)
    assert refusal.value.field == field


def test_changing_a_copy_does_not_change_the_prompt() -> None:
    source = minimal(parameters={"stop": ["a"]})
    prompt = parse(source)
    source["parameters"]["stop"].append("b")
    prompt.to_dict()["parameters"] = {"stop": []}
    assert prompt == parse(minimal(parameters={"stop": ["a"]}))


def test_errors_have_the_path_in_the_document() -> None:
    with pytest.raises(PromptError) as refusal:
        parse(minimal(messages=[{"role": "user", "content": 7}]), "prompts[2].document")
    assert refusal.value.field == "prompts[2].document.messages[0].content"


@given(st.text(st.characters(codec="utf-8"), max_size=4) | st.from_regex(r"[A-Za-z_0-9é-]{0,4}", fullmatch=True))
def test_path_quotes_a_key_that_is_no_plain_word(key: str) -> None:
    is_plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", key) is not None
    assert at("a", key) == (f"a.{key}" if is_plain else f"a[{quoted(key)}]")


def test_document_too_large_for_a_message_is_rejected() -> None:
    with pytest.raises(PromptError, match=f"document: is larger than {MAX_BYTES} bytes"):
        from_text("x" * MAX_BYTES)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1, 2", b"\xff\xfe", '{"schema": NaN}', '{"a": 1, "a": 2}', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"],
)
def test_what_is_not_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(PromptError) as refusal:
        parse_json(text)
    assert refusal.value.field == "document"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_only_prompt_errors_are_raised(value: object) -> None:
    for candidate in (value, minimal(parameters=value), minimal(messages=value), minimal(slots=value)):
        outcome = error_of(candidate)
        assert outcome is None or (outcome.field and str(outcome).isprintable())


def error_of(candidate: object) -> PromptError | None:
    try:
        parse(candidate)
    except PromptError as error:
        return error
    return None
