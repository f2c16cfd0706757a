"""No text leaves its place in a rendered prompt: neither a variable's value nor an example's."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratchet.prompt import example_digest, example_set_digest, parse, render
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


@pytest.mark.parametrize("slot", ["few\x00", "system", "a"])
def test_a_slot_is_never_made_by_what_fills_it(slot: str) -> None:
    with pytest.raises(ValueError, match="not a slot"):
        render(PROMPT, {"a": "", "b": ""}, {slot: []})
