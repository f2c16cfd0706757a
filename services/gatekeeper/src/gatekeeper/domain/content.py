"""Contents by digest: canonical JSON and its SHA-256 (pure)."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from ratchet.prompt import Prompt, with_slot
from ratchet.prompt.canonical import canonical_bytes, digest_of


@dataclass(frozen=True, slots=True)
class Content:
    """A text in canonical form (RFC 8785), and its digest."""

    digest: str
    canonical: str


def version_content(prompt: Prompt) -> Content:
    """Return the content of a prompt version."""
    return _content(prompt.canonical())


def example_content(input_text: str, output_text: str) -> Content:
    """Return the content of a few-shot example; its digest is that of `ratchet.prompt.example_digest`."""
    return _content(canonical_bytes({"schema": "ratchet.example/1", "input": input_text, "output": output_text}))


def set_content(members: Sequence[str]) -> Content:
    """Return the content of an example set. `members`: the digests of its examples, in order.

    Its digest is that of `ratchet.prompt.example_set_digest`.
    """
    return _content(canonical_bytes({"schema": "ratchet.examples/1", "examples": [*members]}))


def evidence_digest(content: Mapping[str, Any]) -> str:
    """Return the digest of what speaks for a proposal: its evidence and acceptance criteria."""
    evidence = {"evidence": content["evidence"], "acceptance": content["acceptance"]}
    return digest_of(canonical_bytes({"schema": "ratchet.evidence/1", **evidence}))


def _content(canonical: bytes) -> Content:
    return Content(digest_of(canonical), canonical.decode())


@dataclass(frozen=True, slots=True)
class RevocationResult:
    """A prompt without its revoked examples, and the new sets in its slots."""

    prompt: Prompt
    sets: tuple[Content, ...]


def without_revoked_examples(
    prompt: Prompt, members: Mapping[str, Sequence[str]], revoked: AbstractSet[str]
) -> RevocationResult:
    """Return `prompt` without the revoked examples. `members`: set digest → digests of its examples.

    A slot that loses all its examples becomes empty; a slot without a revoked example keeps its set.
    """
    sets: list[Content] = []
    for name, slot in prompt.slots.items():
        kept = [digest for digest in members.get(slot.set or "", ()) if digest not in revoked]
        if slot.set is None or len(kept) == len(members.get(slot.set, ())):
            continue
        remaining = set_content(kept)
        if kept:
            sets.append(remaining)
        prompt = with_slot(prompt, name, remaining.digest if kept else None)
    return RevocationResult(prompt, tuple(sets))
