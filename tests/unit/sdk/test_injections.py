"""No text leaves its place in a rendered prompt: neither a variable's value nor an example's."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratchet.prompt import Prompt, example_digest, example_set_digest, parse, render
from tests.support.injections import FRAGMENTS, injections
from tests.support.prompts import minimal
from tests.support.soak import scaled

GENERATED = scaled(500, 5_000)
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


def stays_in_its_place(text: str) -> bool:
    """Rendered with `text`, the prompt is what it is with a harmless mark, but for `text` in the mark's places."""
    shape = render(PROMPT, {"a": MARK, "b": MARK}, {"few": [{"input": MARK, "output": MARK}] * 5})
    filled = render(PROMPT, {"a": text, "b": text}, {"few": [{"input": text, "output": text}] * 5})
    return filled == [{"role": turn["role"], "content": turn["content"].replace(MARK, text)} for turn in shape]


def test_no_known_injection_leaves_its_place() -> None:
    corpus = list(injections())
    assert len(corpus) >= 1_000
    assert [text for text in corpus if not stays_in_its_place(text)] == []


@given(st.lists(st.sampled_from([*FRAGMENTS, MARK[:8]]) | ANY_TEXT, max_size=12).map("".join))
@settings(max_examples=GENERATED)
def test_no_generated_injection_leaves_its_place(text: str) -> None:
    assert stays_in_its_place(text)


def test_no_two_example_sets_share_a_digest() -> None:
    """Where one example ends and the next begins is no matter of what they say."""
    texts = list(dict.fromkeys(injections()))[::10]
    pairs = [{"input": text, "output": other} for text, other in pairwise(texts)]
    sets = [example_set_digest(pairs[:size]) for size in range(6)] + [example_set_digest([pair]) for pair in pairs[1:]]
    assert len(set(sets)) == len(sets)
    assert len({example_digest(pair) for pair in pairs}) == len(pairs)


def joined(examples: list[dict[str, str]]) -> str:
    """A seeded bug: a set's digest over its texts with delimiters that nobody escapes."""
    return "|".join(f"{example['input']}>{example['output']}" for example in examples)


def pasted(document: Prompt, values: dict[str, str], examples: dict[str, list[dict[str, str]]]) -> list[dict[str, str]]:
    """A seeded bug: one variable after the other is pasted in, and examples by delimiters of the text itself."""
    text = "[system] Rules for {{a}}. End of rules."
    text += "".join(f"\n[user] {it['input']}\n[assistant] {it['output']}" for it in examples["few"])
    text += "\n[user] <question>{{a}}</question>{{b}}"
    for name, value in values.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    turns = re.split(r"(?:^|\n)\[(system|user|assistant)\] ", text)[1:]
    return [{"role": role, "content": content} for role, content in zip(turns[::2], turns[1::2], strict=True)]


def test_unescaped_delimiters_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text that nobody authorised would stand in a turn of its own, or under the digest of another set."""
    approved, forged = (
        [{"input": "a", "output": "b|c>d"}],
        [{"input": "a", "output": "b"}, {"input": "c", "output": "d"}],
    )
    assert joined(approved) == joined(forged)
    assert example_set_digest(approved) != example_set_digest(forged)
    monkeypatch.setitem(globals(), "render", pasted)
    assert not all(stays_in_its_place(text) for text in injections())


@pytest.mark.parametrize("slot", ["few\x00", "system", "a"])
def test_a_slot_is_never_made_by_what_fills_it(slot: str) -> None:
    with pytest.raises(ValueError, match="not a slot"):
        render(PROMPT, {"a": "", "b": ""}, {slot: []})
