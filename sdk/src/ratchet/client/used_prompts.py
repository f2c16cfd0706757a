"""The prompts that an execution used: served ones, labels of the app, or names. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ratchet.client.bodies import Dropped
from ratchet.client.values import InvalidValue, identifier
from ratchet.prompt import Prompt


@dataclass(frozen=True, slots=True)
class UsedPrompt:
    """A prompt that an execution used, with its `document` where the server may not have it.

    `arm`: that of the rollout that was going on.
    """

    name: str
    digest: str
    document: Prompt | None = None
    arm: str | None = None


def label_of(use: UsedPrompt) -> dict[str, str]:
    """Return the body of a used prompt, without its document."""
    return {"name": use.name, "digest": use.digest}


def prompt_uses(prompts: Iterable[object], dropped: Dropped) -> list[UsedPrompt | dict[str, str]]:
    """Return the valid ones of `prompts`: uses, labels, or names. None is skipped."""
    uses: list[UsedPrompt | dict[str, str]] = []
    for index, prompt in enumerate(prompts):
        try:
            use = _use(prompt)
        except Exception:  # a value's own code may raise anything
            dropped.append(f"prompts[{index}]")
        else:
            if use is not None:
                uses.append(use)
    return uses


def _use(prompt: object) -> UsedPrompt | dict[str, str] | None:
    if prompt is None or isinstance(prompt, UsedPrompt):
        return prompt
    label = {"name": prompt} if isinstance(prompt, str) else prompt
    if type(label) is not dict and not isinstance(label, Mapping):
        raise InvalidValue("must be a served prompt or a label")
    found = {str(name): text for name, value in tuple(label.items()) if (text := identifier(value)) is not None}
    if "name" not in found:
        raise InvalidValue("must have a name")
    return found
