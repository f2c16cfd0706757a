"""Prompts in files: the smallest change of each format, and files that can't be changed."""

import ast
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proposer.domain.json_strings import UnusableFile
from proposer.domain.prompt_files import MAX_FILE, ChangedElsewhere, TextChange, apply_change, has_text, text_change
from proposer.domain.prompt_homes import FileFormat, PromptHome
from ratchet.prompt import from_text, parse
from tests.support.prompts import minimal
from tests.support.proposer import KEY, prompt, slotted

BAD, GOOD = "You are a clerk.\nBe brief.", "You are a clerk.\nCite your sources.\nBe brief."
CHANGE = TextChange(BAD, GOOD)


def home(format: FileFormat = "text", **fields: Any) -> PromptHome:
    given: dict[str, Any] = {"path": "prompts/answer", "allowed_paths": ("prompts/*",), "format": format}
    return PromptHome(KEY, "github", "acme/app", "main", **{**given, **fields})


def changed(content: str, where: PromptHome, change: TextChange = CHANGE) -> str:
    return apply_change(content.encode(), where, change).decode()


def test_a_text_gets_the_added_line() -> None:
    assert changed(BAD + "\n", home()) == GOOD + "\n"


def test_blanks_and_line_ends_of_other_lines_stay() -> None:
    assert changed("You are a clerk.  \r\nBe brief.\r\n\r\n", home()) == (
        "You are a clerk.  \r\nCite your sources.\r\nBe brief.\r\n\r\n"
    )


def test_front_matter_keeps_every_byte() -> None:
    head = "---\nname: rag-qa-agent\ntools: [Read]   # all\n---\n\n"
    assert changed(head + BAD + "\n", home("yaml_front_matter")) == head + GOOD + "\n"


def test_front_matter_is_needed() -> None:
    with pytest.raises(UnusableFile, match="front matter"):
        changed(BAD, home("yaml_front_matter"))


def test_a_string_of_json_is_replaced_alone() -> None:
    content = '{ "v":1.0,\n  "prompt" : ' + json.dumps(BAD) + ', "list": [1e3,  "caf\\u00e9"]}\n'
    assert changed(content, home("json")) == content.replace(json.dumps(BAD), json.dumps(GOOD))


def test_a_prompt_document_is_changed_in_its_message() -> None:
    content = json.dumps(prompt(*BAD.split("\n")).to_dict(), indent=2)
    assert parse(json.loads(changed(content, home("json")))) == prompt(*GOOD.split("\n"))


def test_a_pointer_selects_one_of_equal_strings() -> None:
    content = json.dumps({"a": BAD, "b/c": [BAD]})
    with pytest.raises(UnusableFile, match="pointer"):
        changed(content, home("json"))
    assert json.loads(changed(content, home("json", pointer="/b~1c/0"))) == {"a": BAD, "b/c": [GOOD]}


@pytest.mark.parametrize("content", ["", "{", '{"a": 1, "a": 2}', "[" * 100_000])
def test_what_is_not_json_is_not_changed(content: str) -> None:
    with pytest.raises(UnusableFile):
        changed(content, home("json"))


SOURCE = '''import os

# ratchet: answer
ANSWER: str = """You are a clerk.
Be brief."""

OTHER = """You are a clerk.
Be brief."""  # ratchet
'''


def test_a_python_constant_is_replaced_below_its_comment() -> None:
    found = changed(SOURCE, home("python_constant", anchor="ratchet: answer"))
    assert found == SOURCE.replace("clerk.\nBe", "clerk.\nCite your sources.\nBe", 1)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("ANSWER = 'x'\n", "exactly once; found 0"),
        ("# ratchet: answer\nA = 'x'\n# ratchet: answer\nB = 'x'\n", "exactly once; found 2"),
        ("# ratchet: answer\n\nA = 'x'\n", "no assignment"),
        ("# ratchet: answer\nA = f'{x}'\n", "no assignment"),
        ("# ratchet: answer\nA = b'x'\n", "not a string"),
        ("# ratchet: answer\nA = (\n", "not Python"),
        ("# ratchet: answer\nA = " + "(" * 500 + ")" * 500 + "\n", "not Python|no assignment"),
        ("# ratchet: answer\r\nA = 'x'\r\n", "carriage return"),
    ],
)
def test_other_python_is_not_changed(source: str, fault: str) -> None:
    with pytest.raises(UnusableFile, match=fault):
        changed(source, home("python_constant", anchor="ratchet: answer"))


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), min_size=1, max_size=60)


@given(_TEXT)
@example('He said """stop""" and \\N{BULLET}.\nthen left"')
@example("'''\\'''\"\"\"\"")
def test_any_text_can_be_a_python_constant(text: str) -> None:
    """The file stays the same program but for the one value, whatever the text has in it."""
    source = '# p\nA = "one" "two"\nB = {"k": A}\n'
    found = apply_change(source.encode(), home("python_constant", anchor="p"), TextChange("onetwo", text)).decode()
    tree = ast.parse(found)
    assigned = tree.body[0]
    assert isinstance(assigned, ast.Assign)
    value = ast.literal_eval(assigned.value)
    assert value.rstrip() == text.rstrip()
    assert ast.unparse(tree.body[1]) == "B = {'k': A}"
    assert len(tree.body) == 2


@given(_TEXT)
def test_any_text_can_be_a_json_string(text: str) -> None:
    content = json.dumps({"before": "x", "prompt": "old", "after": ["old!", 1]})
    found = json.loads(changed(content, home("json"), TextChange("old", text)))
    assert found.pop("prompt").rstrip() == text.rstrip()
    assert found == {"before": "x", "after": ["old!", 1]}


@given(
    st.lists(st.sampled_from(["a", "b", "", "c "]), min_size=1, max_size=8),
    st.lists(st.sampled_from("abd"), min_size=1),
)
def test_a_text_file_has_the_proposed_lines_afterwards(before: list[str], after: list[str]) -> None:
    old, new = "\n".join(before), "\n".join(after)
    assert has_text(apply_change(old.encode(), home(), TextChange(old, new)), home(), from_text(new))


def test_a_file_with_another_text_is_left() -> None:
    for where, content in [(home(), "Be kind.\n"), (home("json"), '{"prompt": "Be kind."}')]:
        with pytest.raises(ChangedElsewhere):
            changed(content, where)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\x00b", b"x" * (MAX_FILE + 1)], ids=["latin", "null", "huge"])
def test_files_that_are_no_text_are_refused(content: bytes) -> None:
    with pytest.raises(UnusableFile):
        apply_change(content, home(), CHANGE)


def test_a_file_does_not_become_huge() -> None:
    with pytest.raises(UnusableFile, match="larger than"):
        changed(BAD, home(), TextChange(BAD, BAD + "x" * MAX_FILE))


def test_a_proposal_is_the_change_of_one_text() -> None:
    assert text_change(prompt(*BAD.split("\n")), prompt(*GOOD.split("\n"))) == CHANGE


@pytest.mark.parametrize(
    ("result", "fault"),
    [
        (prompt("A.", model="other"), "also changes model"),
        (prompt("A.", parameters={"temperature": 1}), "also changes parameters"),
        (slotted(), "also changes slots|adds or removes"),
        (prompt("A."), "0 messages"),
        (parse(minimal(messages=[{"role": "user", "content": "A."}])), "more than text|also changes"),
    ],
)
def test_other_changes_do_not_fit_into_a_file(result: Any, fault: str) -> None:
    with pytest.raises(UnusableFile, match=fault):
        text_change(prompt("A."), result)


def test_texts_are_compared_by_any_message() -> None:
    assert has_text(b"Be  \n\n", home(), prompt("Be"))
    assert not has_text(b"Be kind", home(), prompt("Be"))
