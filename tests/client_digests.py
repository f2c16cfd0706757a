"""`make vectors`: digests of random documents, on which the clients in Python and JavaScript must agree.

`python -m tests.client_digests COUNT [SEED]`. A third are mutated prompt documents, valid and invalid; a third JSON
values with numbers of random bits and texts of all scripts; the rest are buckets of random units of rollouts. Integers
that JSON.parse rounds are left out.
"""

import json
import random
import struct
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

from ratchet.prompt import PromptError, parse
from ratchet.prompt.buckets import bucket_of
from ratchet.prompt.canonical import canonical_bytes, digest_of, normal
from tests.support.prompt_inputs import documents, mutated
from tests.support.sdk_js import SDK_JS, build, node

_SAFE = 2**53 - 1


def lines(count: int, seed: int) -> Iterator[str]:
    """Yield `kind, digest or refused field, JSON` of `count` documents, separated by tabs."""
    chances = random.Random(seed)
    known, characters = documents(), _characters()
    made = 0
    while made < count:
        text: str | None
        if made % 3 == 2:
            kind, text = "bucket", json.dumps([str(chances.random()), "".join(chances.choices(characters, k=8))])
        elif made % 3 == 0:
            kind, text = "document", _mutated(known, chances)
        else:
            kind, text = "value", json.dumps(_value(chances, characters, 0), ensure_ascii=chances.random() < 0.5)
        if text is None or _is_rounded(json.loads(text)):
            continue
        made += 1
        yield f"{kind}\t{_answer(kind, json.loads(text))}\t{text}\n"


def _answer(kind: str, value: Any) -> str:
    if kind == "bucket":
        return digest_of(str(bucket_of(*value)).encode())
    try:
        canonical = parse(value).canonical() if kind == "document" else canonical_bytes(normal(value, "value"))
    except PromptError as error:
        return f"refused: {error.field}"
    return digest_of(canonical)


def _mutated(known: list[Any], chances: random.Random) -> str | None:
    """Return a mutated document; None where it is not JSON, or can't be a line of UTF-8."""
    try:
        return json.dumps(json.loads(mutated(known, chances)), allow_nan=False)
    except (ValueError, RecursionError):
        return None


def _value(chances: random.Random, characters: str, depth: int) -> Any:
    kind = chances.randrange(8 if depth < 4 else 6)
    if kind < 2:
        return "".join(chances.choices(characters, k=chances.randrange(12)))
    if kind == 2:
        return chances.choice((None, True, False, 0, -0.0, 1.0))
    if kind == 3:
        return chances.randint(-_SAFE, _SAFE) >> chances.randrange(53)
    if kind < 6:
        number = struct.unpack("<d", chances.randbytes(8))[0] if kind == 4 else chances.uniform(-1e6, 1e6)
        return number if number - number == 0 else chances.random()
    members = [_value(chances, characters, depth + 1) for _ in range(chances.randrange(5))]
    if kind == 6:
        return members
    return {"".join(chances.choices(characters, k=chances.randrange(6))): member for member in members}


def _characters() -> str:
    """Return assigned characters of all planes, ASCII as often as all others together."""
    found = "".join(chr(code) for code in range(0x20000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co"))
    ascii_only = "".join(chr(code) for code in range(1, 128))
    return found.replace("\0", "") + ascii_only * (len(found) // len(ascii_only))


def _is_rounded(value: Any) -> bool:
    """Return whether JSON.parse of JavaScript reads another number, as it does for integers past 2**53."""
    if isinstance(value, dict):
        return any(map(_is_rounded, value.values()))
    if isinstance(value, list):
        return any(map(_is_rounded, value))
    return isinstance(value, int) and abs(value) > _SAFE


def main(count: str = "200000", seed: str = "1") -> int:
    build()
    command = [node(), str(SDK_JS / "test" / "digests.mjs")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, encoding="utf-8") as compared:
        assert compared.stdin is not None
        for line in lines(int(count), int(seed)):
            compared.stdin.write(line)
        compared.stdin.close()
        return compared.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
