"""Digests of few-shot examples and example sets."""

from collections.abc import Iterable, Mapping

from ratchet.prompt.canonical import canonical_bytes, digest_of, exact_text


def example_digest(example: Mapping[str, object]) -> str:
    """Return the digest of an example's `input` and `output`. Raises PromptError."""
    texts = {part: exact_text(example.get(part), part) for part in ("input", "output")}
    return digest_of(canonical_bytes({"schema": "ratchet.example/1", **texts}))


def example_set_digest(examples: Iterable[Mapping[str, object]]) -> str:
    """Return the digest of examples in their order. Raises PromptError.

    It is computed from the examples' digests, so that it can be verified without their texts.
    """
    digests = [example_digest(example) for example in examples]
    return digest_of(canonical_bytes({"schema": "ratchet.examples/1", "examples": [*digests]}))
