"""What a `proposal.ready` brings (pure): checked against its own digests before anything is stored."""

from dataclasses import dataclass
from typing import Any

from gatekeeper.registry.content import Content, example_content, set_content, version_content
from ratchet.prompt import PromptError, parse, prompt_name
from shared.events.proposals import ExampleSet, ProposalReady


class DigestMismatch(ValueError):
    """A digest does not belong to its content."""


@dataclass(frozen=True, slots=True)
class VerifiedContent:
    """The contents that a proposal brings: versions, example sets and their examples."""

    versions: tuple[Content, ...]
    sets: tuple[Content, ...]
    examples: tuple[Content, ...]
    content: dict[str, Any]


def verify_content(event: ProposalReady) -> VerifiedContent:
    """Raises NotWhatItSays, or PromptError, where a digest is not that of its content, or the name is no prompt's."""
    prompt_name(event.name)
    prompt = parse(event.document)
    if prompt.digest != event.digest:
        raise DigestMismatch("the document has another digest than the proposal says")
    versions = [version_content(prompt)]
    if event.rollback is not None:
        undo = version_content(parse(event.rollback))
        if undo.digest != event.rollback_digest:
            raise DigestMismatch("the rollback has another digest than the proposal says")
        versions.append(undo)
    sets, examples = _examples(event.example_sets)
    content = event.model_dump(
        mode="json", include={"diff", "evidence", "acceptance", "rollback_digest", "rollback", "example_sets"}
    )
    return VerifiedContent(tuple(versions), tuple(sets), tuple(examples), content)


def _examples(brought: tuple[ExampleSet, ...]) -> tuple[list[Content], list[Content]]:
    sets: list[Content] = []
    examples: list[Content] = []
    for example_set in brought:
        contents = [example_content(example.input, example.output) for example in example_set.examples]
        if [content.digest for content in contents] != [example.digest for example in example_set.examples]:
            raise DigestMismatch("an example has another digest than the proposal says")
        members = set_content([content.digest for content in contents])
        if members.digest != example_set.digest:
            raise DigestMismatch("an example set has another digest than the proposal says")
        sets.append(members)
        examples += contents
    return sets, examples


def unreadable(error: ValueError) -> str:
    """The reason that a dead letter may carry: never the text."""
    return str(error) if isinstance(error, DigestMismatch | PromptError) else type(error).__name__
