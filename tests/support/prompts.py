"""Prompt documents for tests: the minimal one, and hypothesis strategies."""

from random import Random
from typing import Any

from hypothesis import strategies as st

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
TYPES = st.sampled_from(["string", "number", "boolean", "list"])
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=3)


def minimal(**parts: Any) -> dict[str, Any]:
    """Return the minimal document, updated with `parts`."""
    return {"schema": "ratchet.prompt/1", "messages": [{"role": "user", "content": "Hello"}], **parts}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A strategy for valid documents."""
    variables = draw(st.dictionaries(NAMES, st.fixed_dictionaries({"type": TYPES}), max_size=3))
    slots = draw(st.lists(NAMES, unique=True, max_size=2))
    pieces = TEXTS | st.sampled_from([f"{{{{{name}}}}}" for name in variables]) if variables else TEXTS
    contents = st.lists(pieces, max_size=4).map("".join).filter(lambda text: declared(text, set(variables)))
    roles = st.sampled_from(["system", "user", "assistant"])
    turns = draw(st.lists(st.fixed_dictionaries({"role": roles, "content": contents}), min_size=1, max_size=4))
    messages: list[Any] = draw(st.permutations([*turns, *({"slot": slot} for slot in slots)]))
    return minimal(
        messages=messages,
        variables=variables,
        slots={slot: {"max": draw(st.integers(1, 5))} for slot in slots},
        model=draw(st.none() | st.sampled_from(["small", "large"])),
        parameters=draw(OBJECTS),
        tools=draw(st.lists(OBJECTS, max_size=2)),
        response_format=draw(st.none() | OBJECTS),
    )


def declared(text: str, variables: set[str]) -> bool:
    """Return whether all placeholders are declared: random text may contain one by chance."""
    return "{{" not in text or all(part.split("}}")[0].strip() in variables for part in text.split("{{")[1:])


def reordered(value: Any, random: Random) -> Any:
    """A strategy for the same JSON value with the keys of all its objects shuffled."""
    if isinstance(value, list):
        return [reordered(item, random) for item in value]
    if not isinstance(value, dict):
        return value
    keys = list(value)
    random.shuffle(keys)
    return {key: reordered(value[key], random) for key in keys}
