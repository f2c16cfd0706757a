"""Requests of each convention with changed bytes: read or refused, in both encodings, never an error."""

import json
from collections import Counter
from random import Random

from collector.api.otlp_codec import JSON, PROTOBUF, Encoding, decode_spans
from collector.domain.otlp.translation import translate
from collector.domain.validation import parse_item
from shared.problems import Problem
from tests.support.soak import scaled
from tests.support.spans import export_request, otlp_json, span
from tests.unit.collector.otlp.test_conventions import CONVENTIONS
from tests.unit.collector.test_validation import CONTEXT

INPUTS = scaled(1_000, 200_000)
_WORDS = [
    b"role", b"content", b"parts", b"tool_calls", b"0", b"null", b"[]", b"{}", b"\\u0000", b"\x00", b"NaN", b"-1",
    b"1e999", b'"', b"\\", b"gen_ai.choice", b"\xff",
]  # fmt: skip


def mutated(content: bytes, random: Random) -> bytes:
    """Return `content` with bytes replaced, words inserted and parts left out or repeated."""
    changed = bytearray(content)
    for _ in range(random.randint(1, 6)):
        at, other = (random.randrange(len(changed) + 1) for _ in range(2))
        word = random.choice([*_WORDS, bytes([random.randrange(256)]), bytes(changed[other : other + 40])])
        left_out = random.choice((0, len(word), random.randint(1, 8)))
        changed[at : at + left_out] = random.choice((word, b""))
    return bytes(changed)


def test_mutated_requests_are_read_or_refused() -> None:
    random = Random(1)
    requests = [export_request([span(attributes, events=events)]) for attributes, events in CONVENTIONS.values()]
    seeds: list[tuple[bytes, Encoding]] = [(it.SerializeToString(), PROTOBUF) for it in requests]
    seeds += [(json.dumps(otlp_json(it)).encode(), JSON) for it in requests]
    found: Counter[str] = Counter()
    for _ in range(INPUTS):
        content, encoding = random.choice(seeds)
        try:
            for item in translate(decode_spans(mutated(content, random), encoding)).items:
                parse_item(item.route, item.body, CONTEXT)
                found["recorded"] += 1
        except Problem as problem:
            found[problem.code] += 1
    assert min(found["recorded"], found["invalid"]) > INPUTS / 50, found
