"""Texts in variables and examples cannot change the structure of a rendered prompt."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratchet.prompt import Prompt, example_digest, example_set_digest, parse, render
from tests.support.injections import FRAGMENTS, injections
from tests.support.prompts import minimal
from tests.support.soak import scaled

GENERATED = scaled(500, 5_000, unit=100)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
MARK = "0f8a1c5e-in-its-place"

PROMPT = parse(
    minimal(
        messages=[
            {"role": "system", "content": "Rules for {{a}}. End of rules."},
            {"slot": "few"},
            {"role": "user", "content": "<question>{{a}}</question>{{b}}"},
        ],
        variables={"a": {"type": "string"}, "b": {"type": "string"}},
        slots={"few": {"max": 5}},
    )
)


def is_contained(text: str) -> bool:
    """Return whether rendering with `text` equals rendering with a harmless marker, except for the marker's
    positions.
    """
    shape = render(PROMPT, {"a": MARK, "b": MARK}, {"few": [{"input": MARK, "output": MARK}] * 5})
    filled = render(PROMPT, {"a": text, "b": text}, {"few": [{"input": text, "output": text}] * 5})
    return filled == [{"role": turn["role"], "content": turn["content"].replace(MARK, text)} for turn in shape]


def test_known_injections_are_contained() -> None:
    corpus = list(injections())
    assert len(corpus) >= 1_000
    assert [text for text in corpus if not is_contained(text)] == []


@given(st.lists(st.sampled_from([*FRAGMENTS, MARK[:8]]) | ANY_TEXT, max_size=12).map("".join))
@settings(max_examples=GENERATED)
def test_generated_injections_are_contained(text: str) -> None:
    assert is_contained(text)


def test_no_two_example_sets_share_a_digest() -> None:
    """The boundary between two examples does not depend on their texts."""
    texts = list(dict.fromkeys(injections()))[::10]
    pairs = [{"input": text, "output": other} for text, other in pairwise(texts)]
    sets = [example_set_digest(pairs[:size]) for size in range(6)] + [example_set_digest([pair]) for pair in pairs[1:]]
    assert len(set(sets)) == len(sets)
    assert len({example_digest(pair) for pair in pairs}) == len(pairs)


def joined_unescaped(examples: list[dict[str, str]]) -> str:
    """A seeded bug: the digest of a set is computed over its texts with unescaped delimiters."""
    return "|".join(f"{example['input']}>{example['output']}" for example in examples)


def render_unescaped(
    document: Prompt, values: dict[str, str], examples: dict[str, list[dict[str, str]]]
) -> list[dict[str, str]]:
    """A seeded bug: variables are substituted one after the other, and examples with delimiters inside the text."""
    text = "[system] Rules for {{a}}. End of rules."
    text += "".join(f"\n[user] {it['input']}\n[assistant] {it['output']}" for it in examples["few"])
    text += "\n[user] <question>{{a}}</question>{{b}}"
    for name, value in values.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    turns = re.split(r"(?:^|\n)\[(system|user|assistant)\] ", text)[1:]
    return [{"role": role, "content": content} for role, content in zip(turns[::2], turns[1::2], strict=True)]


def test_unescaped_delimiters_are_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise unauthorised text would be in a separate message, or under the digest of another set."""
    approved, forged = (
        [{"input": "a", "output": "b|c>d"}],
        [{"input": "a", "output": "b"}, {"input": "c", "output": "d"}],
    )
    assert joined_unescaped(approved) == joined_unescaped(forged)
    assert example_set_digest(approved) != example_set_digest(forged)
    monkeypatch.setitem(globals(), "render", render_unescaped)
    assert not all(is_contained(text) for text in injections())


@pytest.mark.parametrize("slot", ["few\x00", "system", "a"])
def test_text_cannot_create_a_slot(slot: str) -> None:
    with pytest.raises(ValueError, match="not a slot"):
        render(PROMPT, {"a": "", "b": ""}, {slot: []})
