"""What the file of repositories says, with a client for each forge."""

from collections.abc import Mapping
from dataclasses import dataclass

from proposer.domain.model import PromptKey
from proposer.domain.prompt_homes import DeclaredTarget, PromptHome
from proposer.forges.port import Forge


@dataclass(frozen=True, slots=True)
class Repositories:
    """What the file of repositories says, with a client for each forge."""

    homes: Mapping[PromptKey, PromptHome]
    declared: Mapping[tuple[str, str, str], DeclaredTarget]
    forges: Mapping[str, Forge]
