"""Verification of live prompts, whose payload is untrusted. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ratchet.client.arms import CandidateArm, Units, assign_arm
from ratchet.errors import ConfigurationError
from ratchet.prompt import Prompt, PromptError, example_set_digest, parse
from ratchet.prompt.buckets import BUCKETS
from ratchet.signing import arms_bytes, key_id, live_bytes, verify

Examples = Mapping[str, Sequence[Mapping[str, str]]]
_UNITS = frozenset({"user", "session", "execution"})


class UntrustedPrompt(Exception):
    """A prompt that must not be served; the message says why."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What a client trusts: public keys by id, and its project and environment once they are known."""

    keys: Mapping[str, str]
    project: str | None = None
    environment: str | None = None

    def pinned(self, live: "LivePrompt") -> "Trust":
        """Return the trust with the project and environment of a first verified prompt."""
        project, environment = self.project or live.project, self.environment or live.environment
        known = (project, environment) == (self.project, self.environment)
        return self if known else replace(self, project=project, environment=environment)


@dataclass(frozen=True, slots=True)
class LivePrompt:
    """A verified live prompt. The one with the highest `sequence` is served; `arms`: the other arm of a rollout."""

    project: str
    environment: str
    name: str
    target: str
    sequence: int
    prompt: Prompt
    examples: Examples
    arms: CandidateArm | None = None

    def of_arm(self, units: Units) -> "tuple[LivePrompt, str | None]":
        """Return what a call of these units gets, and the name of its arm; no name where no rollout is going on."""
        if self.arms is None:
            return self, None
        arm = assign_arm(self.arms, units)
        if arm == "candidate":
            return replace(self, prompt=self.arms.prompt, examples=self.arms.examples), arm
        return self, arm


def trusted_keys(public_keys: Sequence[str]) -> dict[str, str]:
    """Return public keys by their ids. Raises ConfigurationError for a malformed key."""
    try:
        return {key_id(public): public for public in public_keys}
    except ValueError as error:
        raise ConfigurationError(f"RATCHET_PUBLIC_KEY is not a public key: {error}") from None


def verify_live_prompt(payload: object, trust: Trust, current: LivePrompt | None) -> LivePrompt:
    """Return the prompt of a `prompt.live` payload. Raises UntrustedPrompt.

    `current` is served now under this name: the sequence must not decrease, and must not have two contents.
    """
    try:
        live = _signed(payload, trust)
    except (PromptError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UntrustedPrompt(f"it is malformed: {type(error).__name__} {error}") from None
    for scope in ("project", "environment"):
        trusted = getattr(trust, scope)
        if trusted is not None and getattr(live, scope) != trusted:
            raise UntrustedPrompt(f"it belongs to another {scope}")
    if current is not None:
        if live.sequence < current.sequence:
            raise UntrustedPrompt(f"its sequence {live.sequence} is lower than {current.sequence}")
        if live.sequence == current.sequence and (live.prompt, live.arms) != (current.prompt, current.arms):
            raise UntrustedPrompt(f"its sequence {live.sequence} has another content already")
    return live


def _signed(payload: object, trust: Trust) -> LivePrompt:
    if not isinstance(payload, Mapping):
        raise UntrustedPrompt("it is malformed: not an object")
    signature = payload["signature"]
    public = trust.keys.get(signature["key_id"])
    if public is None:
        raise UntrustedPrompt("it is signed with a key that is not trusted")
    if not verify(public, live_bytes(payload), signature["value"]):
        raise UntrustedPrompt("its signature is invalid")
    prompt = parse(payload["document"], "document")
    if prompt.digest != payload["digest"]:
        raise UntrustedPrompt("its digest is not that of its document")
    sequence = payload["sequence"]
    if not isinstance(sequence, int) or isinstance(sequence, bool):
        raise UntrustedPrompt("its sequence is not an integer")
    project, environment, name, target = (str(payload[part]) for part in ("project", "environment", "name", "target"))
    arms = None if payload.get("rollout") is None else _arms(payload, trust)
    served = _examples(payload["examples"], prompt)
    return LivePrompt(project, environment, name, target, sequence, prompt, served, arms)


def _arms(payload: Mapping[str, Any], trust: Trust) -> CandidateArm:
    """Return the candidate of a payload whose base is verified. Its own signature binds it to that."""
    arms = payload["rollout"]
    signature = arms["signature"]
    public = trust.keys.get(signature["key_id"])
    if public is None or not verify(public, arms_bytes(payload), signature["value"]):
        raise UntrustedPrompt("the signature of its rollout is invalid")
    prompt = parse(arms["document"], "document")
    if prompt.digest != arms["digest"]:
        raise UntrustedPrompt("the digest of its candidate is not that of the document")
    weight, unit = arms["weight"], arms["unit"]
    if type(weight) is not int or not 0 < weight < BUCKETS or unit not in _UNITS:
        raise UntrustedPrompt("the weight or unit of its rollout is unknown")
    return CandidateArm(
        str(arms["rollout_id"]), weight, str(arms["salt"]), unit, prompt, _examples(arms["examples"], prompt)
    )


def _examples(examples: Mapping[str, Sequence[Mapping[str, str]]], prompt: Prompt) -> Examples:
    """Return the examples by slot; they must be the sets that the signed document names."""
    served = {slot: tuple(dict(example) for example in entries) for slot, entries in examples.items() if entries}
    for slot in served:
        if slot not in prompt.slots:
            raise UntrustedPrompt("it has examples for an unknown slot")
    for name, slot_definition in prompt.slots.items():
        if slot_definition.set is not None and example_set_digest(served.get(name, ())) != slot_definition.set:
            raise UntrustedPrompt("its examples are not the ones that its document names")
        if slot_definition.set is None and name in served:
            raise UntrustedPrompt("it has examples that its document does not name")
        if len(served.get(name, ())) > slot_definition.max:
            raise UntrustedPrompt("it has more examples than its slot allows")
    return served
