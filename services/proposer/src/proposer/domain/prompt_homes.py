"""Where prompts have their home in a repository, and what is declared about targets."""

from dataclasses import dataclass
from typing import Literal

from proposer.domain.model import PromptKey

ForgeKind = Literal["github", "gitlab", "git"]
FileFormat = Literal["text", "json", "yaml_front_matter", "python_constant"]
Hosting = Literal["self-hosted", "prompt-only", "managed"]
"""`prompt-only`: a managed model of which only the prompt is to be improved. Not declared counts as `managed`."""


@dataclass(frozen=True, slots=True)
class PromptHome:
    """The file that a prompt's text is in: `path` on `branch` of `repository`, on the forge of this name.

    `anchor` is the text of the comment above a Python constant; `pointer` (RFC 6901) that of a string in a JSON file.
    """

    key: PromptKey
    forge: str
    repository: str
    branch: str
    path: str
    format: FileFormat
    allowed_paths: tuple[str, ...]
    labels: tuple[str, ...] = ()
    anchor: str | None = None
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class DeclaredTarget:
    """What an operator declares about a target: who runs its model."""

    project: str
    environment: str
    target: str
    model: Hosting
