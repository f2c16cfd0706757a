"""What an app is served under a prompt's name: the live version, or until there is one its own default."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ratchet.client.items import PromptUse
from ratchet.client.live import Examples, LivePrompt
from ratchet.prompt import Prompt, from_text, parse, parse_json, render

log = logging.getLogger("ratchet")
Default = str | Path | Prompt | Mapping[str, object]


class NoPrompt(LookupError):
    """Nothing can be served: no version is live, or the server is away, and the app gave no default."""


@dataclass(frozen=True, slots=True)
class ServedPrompt:
    """A prompt to use once: `live` tells whether people made it live, or it is the app's own default.

    Pass it to `record(prompts=[…])`, so that quality is told apart by its digest. `default` is the app's own
    prompt, where it gave one: its variables are what the app fills in.
    """

    name: str
    prompt: Prompt
    live: bool
    examples: Examples = field(default_factory=dict)
    sequence: int | None = None
    target: str | None = None
    default: Prompt | None = field(default=None, repr=False)

    @property
    def digest(self) -> str:
        return self.prompt.digest

    @property
    def model(self) -> str | None:
        return self.prompt.model

    def render(self, **variables: object) -> list[dict[str, str]]:
        """`[{"role", "content"}, …]`, examples included. Raises PromptError that names a wrong variable.

        A variable of the app's default that a live version has no use for is left out: an edit that drops one
        must not break the app.
        """
        known = self.default.variables if self.default else {}
        used = {name: value for name, value in variables.items() if name in self.prompt.variables or name not in known}
        return render(self.prompt, used, self.examples)

    def text(self, **variables: object) -> str:
        """The rendered messages as one text, for an app that sends a single string."""
        return "\n\n".join(message["content"] for message in self.render(**variables))

    def use(self) -> PromptUse:
        """How an execution names it: a default brings its document, as the server may not know it."""
        return PromptUse(self.name, self.digest, None if self.live else self.prompt)


def served(name: str, live: LivePrompt | None, default: Prompt | None, target: str | None = None) -> ServedPrompt:
    """Raises NoPrompt."""
    if live is not None:
        return ServedPrompt(name, live.prompt, True, live.examples, live.sequence, target or live.target, default)
    if default is not None:
        return ServedPrompt(name, default, False, target=target, default=default)
    raise NoPrompt(f"no version of {name} is known, and it has no default")


def default_prompt(default: Default) -> Prompt:
    """A text, a document, or a file: `.json` holds a document, any other name a text.

    A file is UTF-8, UTF-16 with or without a mark, or else Windows-1252, which is logged as a WARNING.

    Raises PromptError or OSError: a wrong default is a fault of the app, shown at once.
    """
    if isinstance(default, Prompt):
        return default
    if isinstance(default, Path):
        from ratchet.tables.encodings import decode  # its package reads files of all kinds: only where there is one

        content, note = decode(default.read_bytes(), "strict")
        if note:
            log.warning("%s: %s", default, note)
        return parse_json(content) if default.suffix == ".json" else from_text(content)
    return from_text(default) if isinstance(default, str) else parse(default)
