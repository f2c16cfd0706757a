"""Contents and their names (pure): canonical text with the digest that is its identity."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ratchet.prompt import Prompt, with_slot
from ratchet.prompt.canonical import canonical_bytes, digest_of


@dataclass(frozen=True, slots=True)
class Content:
    """A text in its one canonical form, and the SHA-256 that names it."""

    digest: str
    canonical: str

    @classmethod
    def of(cls, canonical: bytes) -> "Content":
        return cls(digest_of(canonical), canonical.decode())


def version_content(prompt: Prompt) -> Content:
    """A prompt version."""
    return Content.of(prompt.canonical())


def example_content(input_text: str, output_text: str) -> Content:
    """One few-shot example; the same digest as `ratchet.prompt.example_digest`."""
    return Content.of(canonical_bytes({"schema": "ratchet.example/1", "input": input_text, "output": output_text}))


def set_content(members: Sequence[str]) -> Content:
    """An example set, from its examples' digests; the same digest as `ratchet.prompt.example_set_digest`."""
    return Content.of(canonical_bytes({"schema": "ratchet.examples/1", "examples": [*members]}))


@dataclass(frozen=True, slots=True)
class RevocationResult:
    """A prompt without examples that were taken back, and the sets that are left in its slots."""

    prompt: Prompt
    sets: tuple[Content, ...]


def without_revoked_examples(
    prompt: Prompt, members: Mapping[str, Sequence[str]], revoked: AbstractSet[str]
) -> RevocationResult:
    """`prompt` with the revoked examples gone from its slots. `members`: set digest → its examples' digests.

    A slot whose examples are all gone is empty; a slot that held none of them keeps its set.
    """
    sets: list[Content] = []
    for name, slot in prompt.slots.items():
        kept = [digest for digest in members.get(slot.set or "", ()) if digest not in revoked]
        if slot.set is None or len(kept) == len(members.get(slot.set, ())):
            continue
        left = set_content(kept)
        if kept:
            sets.append(left)
        prompt = with_slot(prompt, name, left.digest if kept else None)
    return RevocationResult(prompt, tuple(sets))
