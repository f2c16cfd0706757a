"""Prompt documents from mutated vectors, and the properties that must hold for any bytes (row H7 of
docs/reliability.md).
"""

import contextlib
import copy
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ratchet.prompt import Prompt, PromptError, from_text, parse_json, render
from tests.support.injections import FRAGMENTS

_VECTORS = Path(__file__).parents[1] / "vectors" / "prompt"
_STRANGE: tuple[Any, ...] = (
    None, True, 0, -1, 2**53 + 1, 1e308, 5e-324, "", "\0", "\ud800", "{{", "}}", "{{a}}", "\\{{a}}", "e\u0301",
    "\r\n", "x" * 5000, [], {}, [[[[[]]]]], {"role": "user", "content": "{{b}}"}, {"slot": "few"}, {"": ""}, *FRAGMENTS,
)  # fmt: skip


def documents() -> list[Any]:
    """Return the documents of the vectors, valid and invalid."""
    read = {name: json.loads((_VECTORS / name).read_text("ascii")) for name in
            ("documents.json", "invalid.json", "rendering.json")}  # fmt: skip
    good = [document for vector in read["documents.json"] for document in vector["documents"]]
    return good + [vector["document"] for name in ("invalid.json", "rendering.json") for vector in read[name]]


def mutated(known: Sequence[Any], chances: random.Random) -> bytes:
    """Return one of the documents with some parts replaced, removed, repeated or swapped, and sometimes some bytes."""
    document = copy.deepcopy(chances.choice(known))
    for _ in range(chances.choice((1, 1, 2, 3, 6))):
        _change(document, chances, [*_STRANGE, *(value for _, _, value in _parts(chances.choice(known)))])
    written = bytearray(json.dumps(document, ensure_ascii=chances.random() < 0.5).encode("utf-8", "surrogatepass"))
    if chances.random() < 0.2:
        for _ in range(chances.randint(1, 4)):
            written[chances.randrange(len(written))] = chances.choice(b'{}[]",:\\\x00\xff0e')
    return bytes(written)


def _change(document: Any, chances: random.Random, values: list[Any]) -> None:
    parts = list(_parts(document))
    if not parts:
        return
    holder, key, value = chances.choice(parts)
    kind = chances.randrange(4)
    if kind == 0:
        holder[key] = copy.deepcopy(chances.choice(values))
    elif kind == 1:
        del holder[key]
    elif kind == 2 and isinstance(holder, list):
        holder.insert(chances.randint(0, len(holder)), copy.deepcopy(value))
    elif isinstance(holder, dict):
        holder[str(chances.choice(["a", "few", "schema", "content", "{{a}}", key]))] = copy.deepcopy(value)


def _parts(value: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Return (holder, key, part) of every part of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in list(items):
        yield value, key, part
        yield from _parts(part)


def check(data: bytes) -> bool:
    """Parse `data` as a document and as a plain text. Return whether it was a document.

    Rejected input raises PromptError. Accepted input has one canonical form, which parses to itself, and either renders
    with any text in its variables and examples without an additional message, or does not render.
    """
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(PromptError):
        _holds(from_text(text), text)
    try:
        prompt = parse_json(data)
    except PromptError:
        return False
    _holds(prompt, text[-200:])
    return True


def _holds(prompt: Prompt, text: str) -> None:
    again = parse_json(prompt.canonical())
    assert (again.canonical(), again.digest) == (prompt.canonical(), prompt.digest), "the canonical form is not stable"
    shape, filled = _rendered(prompt, "x"), _rendered(prompt, text)
    if shape is not None and filled is not None:
        assert [turn.get("role") for turn in filled] == [turn.get("role") for turn in shape], "wrong number of messages"


def _rendered(prompt: Prompt, text: str) -> list[dict[str, Any]] | None:
    given = {"string": text, "number": 1.5, "boolean": True, "list": [text], "messages": []}
    variables = {name: given[variable.type] for name, variable in prompt.variables.items()}
    examples = {name: [{"input": text, "output": text}] for name in prompt.slots}
    try:
        return render(prompt, variables, examples)
    except PromptError:
        return None
