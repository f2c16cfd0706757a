"""Handler of `prompt.observed`."""

from collections.abc import Sequence

from gatekeeper.domain.content import version_content
from gatekeeper.storage.contents import ContentRepository
from gatekeeper.storage.prompts import PromptRepository
from ratchet.prompt import Prompt, PromptError, parse
from shared.events.feedback import PromptObserved
from shared.messaging.cloudevents import Received
from shared.messaging.store import Tx


async def on_observed(tx: Tx, events: Sequence[Received[PromptObserved]]) -> None:
    """Store observed digests, and their content if the digest is that of the document. Makes nothing live."""
    for received in events:
        event = received.event
        prompt = verified_document(event)
        if prompt is not None:
            await ContentRepository(tx.conn).save_versions(event.project, [version_content(prompt)])
        await PromptRepository(tx.conn).save_observation(event)


def verified_document(event: PromptObserved) -> Prompt | None:
    """Return the document of an observation; None if it is missing, invalid, or has another digest."""
    if event.document is None:
        return None
    try:
        prompt = parse(event.document)
    except PromptError:
        return None
    return prompt if prompt.digest == event.digest else None
