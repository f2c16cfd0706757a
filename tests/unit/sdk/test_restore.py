"""The smallest fix: removed lines are restored, added lines stay, and the result is a valid prompt."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet.prompt import Prompt, parse, render
from ratchet.prompt.restore import Conflict, Restored, restore, tokens
from tests.support.prompts import documents, minimal
from tests.support.proposer import prompt, slotted

VALUES = {"string": "v", "number": 1, "boolean": True, "list": []}
PHRASES = st.sampled_from(["Be brief.", "Cite sources.", "Ask back.", "", "Hello {{name}}", "In {{language}}."])
MESSAGE = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "user"]),
        "content": st.lists(PHRASES, min_size=1, max_size=6).map("\n".join),
    }
)
NAMES = {"name": {"type": "string"}, "language": {"type": "string"}}
CONVERSATIONS = st.lists(MESSAGE, min_size=1, max_size=3).map(
    lambda messages: parse(minimal(messages=messages, variables=NAMES))
)


def within(part: list[Any], whole: list[Any]) -> bool:
    rest = iter(whole)
    return all(item in rest for item in part)


def lines_of(document: Prompt) -> list[Any]:
    return tokens(document.to_dict()["messages"])  # type: ignore[arg-type]


@given(CONVERSATIONS, CONVERSATIONS)
def test_restored_prompt_contains_all_lines_of_both_and_renders(good: Prompt, bad: Prompt) -> None:
    found = restore(good, bad)
    if isinstance(found, Restored):
        assert within(lines_of(good), lines_of(found.prompt))
        assert within(lines_of(bad), lines_of(found.prompt))
        assert render(found.prompt, {"name": "Ada", "language": "Latin"})


@given(documents().map(parse))
def test_nothing_to_restore_changes_nothing(same: Prompt) -> None:
    assert restore(same, same) == Restored(same, (), ())


@given(documents().map(parse), st.randoms(use_true_random=False))
def test_pure_deletion_restores_exactly_the_good_version(good: Prompt, random: Any) -> None:
    document: dict[str, Any] = good.to_dict()
    messages = document["messages"]
    kept = [m for m in messages if "slot" in m or random.random() < 0.7] or messages
    bad = parse(minimal(messages=kept, variables=document["variables"], slots=document["slots"]))
    found = restore(good, bad)
    assert isinstance(found, Restored)
    assert found.prompt == good


def test_removed_line_is_restored_and_added_one_kept() -> None:
    good = prompt("You are a clerk.", "Cite your sources.", "Be brief.")
    bad = prompt("You are a clerk.", "Be brief.", "Use emojis.")
    found = restore(good, bad)
    assert isinstance(found, Restored)
    assert found.prompt == prompt("You are a clerk.", "Cite your sources.", "Be brief.", "Use emojis.")
    assert found.lines == ("Cite your sources.",)


def test_variables_of_restored_lines_are_declared_again() -> None:
    good = prompt("Hello {{name}}.", "Be brief.", variables={"name": {"type": "string"}})
    bad = prompt("Be brief.")
    found = restore(good, bad)
    assert isinstance(found, Restored)
    assert found.fields == ("variables.name",)
    assert render(found.prompt, {"name": "Ada"})[0]["content"] == "Hello Ada.\nBe brief."


def test_removed_message_is_restored() -> None:
    turns = [{"role": "system", "content": "Help."}, {"role": "user", "content": "{{q}}"}]
    good = parse(minimal(messages=turns, variables={"q": {"type": "string"}}))
    bad = parse(minimal(messages=turns[:1]))
    assert restore(good, bad) == Restored(good, ("{{q}}",), ("variables.q",))


def test_removed_slot_is_restored_at_its_position() -> None:
    good = slotted()
    bad = parse(minimal(messages=[{"role": "system", "content": "Help."}]))
    assert restore(good, bad) == Restored(good, (), ("slots.examples",))


@pytest.mark.parametrize(
    ("good", "bad", "where"),
    [
        (prompt("a", "b", "c"), prompt("a", "x", "c"), "messages"),
        (prompt("first", "b", "c", "last"), prompt("b", "c", "last", "first"), "messages"),
        (prompt("a", model="small"), prompt("a", model="large"), "model"),
        (prompt("a", parameters={"t": 0}), prompt("a", parameters={"t": 1}), "parameters.t"),
        (prompt("a", response_format={"a": 1}), prompt("a", response_format={"b": 1}), "response_format"),
        (slotted(slots={"examples": {"max": 5}}), slotted(slots={"examples": {"max": 3}}), "slots.examples"),
        (
            prompt("{{v}}", variables={"v": {"type": "string"}}),
            prompt("{{v}}", variables={"v": {"type": "number"}}),
            "variables.v",
        ),
        (
            prompt("a", tools=[{"name": "t", "x": 1}, {"name": "u"}]),
            prompt("a", tools=[{"name": "u"}, {"name": "t", "x": 2}]),
            "tools",
        ),
        (
            prompt("a", tools=[{"function": {"name": "t", "x": 1}}, {"name": "u"}]),
            prompt("a", tools=[{"name": "u"}, {"function": {"name": "t", "x": 2}}]),
            "tools",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_replaced_or_moved_parts_cannot_be_restored(good: Prompt, bad: Prompt, where: str) -> None:
    assert restore(good, bad) == Conflict(where)


def test_removed_fields_are_restored_and_added_ones_kept() -> None:
    good = prompt("a", parameters={"temperature": 0}, tools=[{"name": "search"}], model="m")
    bad = prompt("a", parameters={"top_p": 1}, response_format={"type": "json"})
    found = restore(good, bad)
    assert isinstance(found, Restored)
    assert found.fields == ("model", "parameters.temperature", "tools")
    restored = found.prompt.to_dict()
    assert restored["parameters"] == {"temperature": 0, "top_p": 1}
    assert (restored["model"], restored["response_format"]) == ("m", {"type": "json"})


def test_invalid_result_is_a_conflict() -> None:
    long = "x" * 70_000
    good, bad = prompt("a", "b", "c", long + "1"), prompt(long + "2", "a", "b", "c")
    assert isinstance(restore(good, bad), Conflict)
