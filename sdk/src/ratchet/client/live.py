"""What makes a pushed prompt worth serving. Pure; everything here comes from outside and is untrusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ratchet.prompt import Prompt, PromptError, example_set_digest, parse
from ratchet.signing import key_id, live_bytes, verify

Examples = Mapping[str, Sequence[Mapping[str, str]]]


class UntrustedPrompt(Exception):
    """A pushed prompt that must not be served; the message says why."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a client believes: the public keys by id, and its own place, where it is known yet."""

    keys: Mapping[str, str]
    project: str | None = None
    environment: str | None = None

    def pinned(self, live: "LivePrompt") -> "Trust":
        """The same trust, with the place of a first verified prompt as its own."""
        return replace(
            self,
            project=self.project or live.project,
            environment=self.environment or live.environment,
        )


@dataclass(frozen=True, slots=True)
class LivePrompt:
    """A verified prompt that people made live. The highest `sequence` wins."""

    project: str
    environment: str
    name: str
    target: str
    sequence: int
    prompt: Prompt
    examples: Examples


def trusted_keys(public_keys: Sequence[str]) -> dict[str, str]:
    """Public keys by their ids. Raises ValueError for what is no key."""
    return {key_id(public): public for public in public_keys}


def verified(payload: object, trust: Trust, current: LivePrompt | None) -> LivePrompt:
    """The prompt that a `prompt.live` payload makes live. Raises UntrustedPrompt.

    `current` is what is served now for this name: its sequence never goes back, and never names two contents.
    """
    try:
        live = _signed(payload, trust)
    except (PromptError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UntrustedPrompt(f"it is malformed: {type(error).__name__} {error}") from None
    for place in ("project", "environment"):
        ours = getattr(trust, place)
        if ours is not None and getattr(live, place) != ours:
            raise UntrustedPrompt(f"it belongs to another {place}")
    if current is not None:
        if live.sequence < current.sequence:
            raise UntrustedPrompt(f"its sequence {live.sequence} is lower than {current.sequence}")
        if live.sequence == current.sequence and live.prompt != current.prompt:
            raise UntrustedPrompt(f"its sequence {live.sequence} names another content already")
    return live


def _signed(payload: object, trust: Trust) -> LivePrompt:
    if not isinstance(payload, Mapping):
        raise UntrustedPrompt("it is malformed: no object")
    signature = payload["signature"]
    public = trust.keys.get(signature["key_id"])
    if public is None:
        raise UntrustedPrompt("it is signed with a key that is not trusted")
    if not verify(public, live_bytes(payload), signature["value"]):
        raise UntrustedPrompt("its signature is wrong")
    prompt = parse(payload["document"], "document")
    if prompt.digest != payload["digest"]:
        raise UntrustedPrompt("its document does not have its digest")
    sequence = payload["sequence"]
    if not isinstance(sequence, int) or isinstance(sequence, bool):
        raise UntrustedPrompt("its sequence is no whole number")
    project, environment, name, target = (str(payload[part]) for part in ("project", "environment", "name", "target"))
    return LivePrompt(project, environment, name, target, sequence, prompt, _examples(payload["examples"], prompt))


def _examples(examples: Mapping[str, Sequence[Mapping[str, str]]], prompt: Prompt) -> Examples:
    """Each slot's examples must be the set that the signed document names."""
    served = {slot: tuple(dict(example) for example in entries) for slot, entries in examples.items() if entries}
    for slot in served:
        if slot not in prompt.slots:
            raise UntrustedPrompt("it has examples for an unknown slot")
    for name, place in prompt.slots.items():
        if place.set is not None and example_set_digest(served.get(name, ())) != place.set:
            raise UntrustedPrompt("its examples are not the ones that its document names")
        if place.set is None and name in served:
            raise UntrustedPrompt("it has examples that its document does not name")
        if len(served.get(name, ())) > place.max:
            raise UntrustedPrompt("it has more examples than its slot takes")
    return served
