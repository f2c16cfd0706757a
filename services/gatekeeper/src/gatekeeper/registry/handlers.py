"""Events that the registry takes in."""

from collections.abc import Sequence

from gatekeeper.registry import repository as store
from gatekeeper.registry.content import version_content
from ratchet.prompt import Prompt, PromptError, parse
from shared.events.feedback import PromptObserved
from shared.messaging.cloudevents import Received
from shared.messaging.store import Tx


async def on_observed(tx: Tx, events: Sequence[Received[PromptObserved]]) -> None:
    """`prompt.observed`: keeps the digest, and its content where the app told it truly. Nothing goes live by this."""
    for received in events:
        event = received.event
        prompt = parsed_document(event)
        if prompt is not None:
            await store.save_contents(tx.conn, "prompt_versions", event.project, [version_content(prompt)])
        await store.save_observation(tx.conn, event)


def parsed_document(event: PromptObserved) -> Prompt | None:
    """The document of an observation, if it is one and has the digest that the app says."""
    if event.document is None:
        return None
    try:
        prompt = parse(event.document)
    except PromptError:
        return None
    return prompt if prompt.digest == event.digest else None
