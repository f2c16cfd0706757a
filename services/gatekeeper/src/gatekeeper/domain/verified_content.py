"""Content of a `proposal.ready`, verified against its digests before anything is stored (pure)."""

from dataclasses import dataclass
from typing import Any

from gatekeeper.domain.content import Content, evidence_digest, example_content, set_content, version_content
from ratchet.prompt import parse, prompt_name
from shared.events.proposals import ExampleSet, ProposalReady


class DigestMismatch(ValueError):
    """A digest is not that of its content."""


@dataclass(frozen=True, slots=True)
class VerifiedContent:
    """The versions, example sets and examples of a proposal, and the parts that no column holds."""

    versions: tuple[Content, ...]
    sets: tuple[Content, ...]
    examples: tuple[Content, ...]
    content: dict[str, Any]


def verify_content(event: ProposalReady) -> VerifiedContent:
    """Return the contents of a proposal. Raises DigestMismatch, or PromptError for an invalid name or document."""
    prompt_name(event.name)
    prompt = parse(event.document)
    if prompt.digest != event.digest:
        raise DigestMismatch("the digest is not that of the document")
    versions = [version_content(prompt)]
    if event.rollback is not None:
        undo = version_content(parse(event.rollback))
        if undo.digest != event.rollback_digest:
            raise DigestMismatch("the rollback digest is not that of the rollback document")
        versions.append(undo)
    sets, examples = _verify_sets(event.example_sets)
    content = event.model_dump(
        mode="json", include={"diff", "evidence", "acceptance", "rollback_digest", "rollback", "example_sets"}
    )
    content["evidence_digest"] = evidence_digest(content)
    return VerifiedContent(tuple(versions), tuple(sets), tuple(examples), content)


def _verify_sets(example_sets: tuple[ExampleSet, ...]) -> tuple[list[Content], list[Content]]:
    sets: list[Content] = []
    examples: list[Content] = []
    for example_set in example_sets:
        contents = [example_content(example.input, example.output) for example in example_set.examples]
        if [content.digest for content in contents] != [example.digest for example in example_set.examples]:
            raise DigestMismatch("the digest of an example is not that of its texts")
        members = set_content([content.digest for content in contents])
        if members.digest != example_set.digest:
            raise DigestMismatch("the digest of an example set is not that of its examples")
        sets.append(members)
        examples += contents
    return sets, examples


def mismatch_reason(error: ValueError) -> str:
    """Return the reason for a dead letter; it has no text of users, unlike a PromptError, which quotes names."""
    return str(error) if isinstance(error, DigestMismatch) else type(error).__name__
