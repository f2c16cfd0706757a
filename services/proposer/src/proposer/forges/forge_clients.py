"""The client of each forge in the file of repositories."""

import os
from collections.abc import Mapping

from proposer.forges.git_remote import GitRemote
from proposer.forges.github import GitHub
from proposer.forges.gitlab import GitLab
from proposer.forges.port import Forge
from proposer.forges.repository_declarations import ForgeSection, RepositoryFileSections


def create_clients(found: RepositoryFileSections, environ: Mapping[str, str] = os.environ) -> dict[str, Forge]:
    """Return a client for each forge, by its name in the file. Connects to nothing yet."""
    return {name: _client(section, section.secret(environ)) for name, section in found.forges.items()}


def _client(section: ForgeSection, token: str | None) -> Forge:
    match section.kind:
        case "github":
            return GitHub(section.url, token or "")
        case "gitlab":
            return GitLab(section.url, token or "")
        case "git":
            return GitRemote(section.url, token, section.user)
