"""Prompts served to an app: the live version, or the app's own default."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ratchet.client.prompt_verification import Examples, LivePrompt
from ratchet.client.rendered_prompts import message_texts
from ratchet.client.used_prompts import UsedPrompt
from ratchet.client.variables import convert_variables
from ratchet.errors import NoPrompt
from ratchet.prompt import Prompt, PromptError, from_text, parse, parse_json, render
from ratchet.sanitize import visible

log = logging.getLogger("ratchet")

Default = str | Path | Prompt | Mapping[str, object]

Warn = Callable[[str, str], None]
"""Logs a warning about the prompt of a name."""


Note = Callable[[list[str], "ServedPrompt"], None]
"""Notes the texts that a prompt was rendered to."""


def ignore_rendering(texts: list[str], prompt: "ServedPrompt") -> None:
    """Note nothing."""


def _warn(name: str, message: str) -> None:
    log.warning("ratchet: %s: %s", visible(name), visible(message))


@dataclass(frozen=True, slots=True)
class ServedPrompt:
    """A prompt to use once: the live version (`live`), or the app's own default.

    Pass it to `record(prompts=[…])`, so that quality is measured by its digest. `default` is the app's own prompt,
    where it gave one: the app fills in its variables. `arm`: that of a rollout, `base`, `candidate` or `unassigned`.
    """

    name: str
    prompt: Prompt
    live: bool
    examples: Examples = field(default_factory=dict)
    sequence: int | None = None
    target: str | None = None
    default: Prompt | None = field(default=None, repr=False)
    arm: str | None = None
    warn: Warn = field(default=_warn, repr=False, compare=False)
    note: Note = field(default=ignore_rendering, repr=False, compare=False)
    _fallback: list[Prompt] = field(default_factory=list, repr=False, compare=False)

    @property
    def digest(self) -> str:
        """The digest of the prompt that was rendered."""
        return self._rendered.digest

    @property
    def _rendered(self) -> Prompt:
        return self._fallback[-1] if self._fallback else self.prompt

    @property
    def model(self) -> str | None:
        return self.prompt.model

    def render(self, **variables: object) -> list[dict[str, Any]]:
        """Return the messages with examples. Values are converted (see `ratchet.client.variables`), not refused.

        Variables of the app's default that a live version does not use are ignored. Where a live version can't be
        rendered with these values, the default is, which is logged once. Raises PromptError where a variable is
        missing or unknown, also for the default.
        """
        known = self.default.variables if self.default else {}
        used = {name: value for name, value in variables.items() if name in self.prompt.variables or name not in known}
        try:
            rendered = render(self.prompt, convert_variables(self.prompt, used), self.examples)
        except PromptError as error:
            if self.default is None or not self.live:
                raise
            rendered = render(self.default, convert_variables(self.default, variables))
            self._fallback[:] = [self.default]
            self.warn(self.name, f"the live version can't be rendered, so the app's default is used: {error}")
        else:
            self._fallback.clear()
        self.note(message_texts(rendered), self)
        return rendered

    def text(self, **variables: object) -> str:
        """Return the rendered messages as one text, for an app that sends a single string."""
        text = "\n\n".join(filter(None, map(_text, self.render(**variables))))
        self.note([text], self)
        return text

    def use(self) -> UsedPrompt:
        """Return how an execution refers to it; a default includes its document, which the server may not have."""
        own = not self.live or bool(self._fallback)
        return UsedPrompt(self.name, self.digest, self._rendered if own else None, None if own else self.arm)


def _text(message: Mapping[str, Any]) -> str:
    """Return the text of a message, or of its parts that have one."""
    content = message.get("content")
    if not isinstance(content, list):
        return str(content or "")
    texts = (part.get("text") for part in content if isinstance(part, Mapping))
    return "\n".join(text for text in texts if isinstance(text, str))


def choose_served(
    name: str,
    live: LivePrompt | None,
    default: Prompt | None,
    target: str | None = None,
    warn: Warn = _warn,
    note: Note = ignore_rendering,
    arm: str | None = None,
) -> ServedPrompt:
    """Return the live version, else the default. Raises NoPrompt. `arm`: that of `live` in a rollout."""
    if live is not None:
        about = target or live.target
        return ServedPrompt(name, live.prompt, True, live.examples, live.sequence, about, default, arm, warn, note)
    if default is not None:
        return ServedPrompt(name, default, False, target=target, default=default, warn=warn, note=note)
    raise NoPrompt(f"no version of {name} is live, and no default was given")


def default_prompt(default: Default) -> Prompt:
    """Return the prompt of a text, a document, or a file: `.json` contains a document, any other file a text.

    A file is UTF-8, UTF-16 with or without a byte order mark, or else Windows-1252, which is logged as a WARNING.
    Raises PromptError or OSError.
    """
    if isinstance(default, Prompt):
        return default
    if isinstance(default, Path):
        from ratchet.tables.encodings import decode  # imported here because its package is large

        content, note = decode(default.read_bytes(), "strict")
        if note:
            log.warning("%s: %s", default, note)
        return parse_json(content) if default.suffix == ".json" else from_text(content)
    return from_text(default) if isinstance(default, str) else parse(default)
