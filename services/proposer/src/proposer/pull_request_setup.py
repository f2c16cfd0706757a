"""Sets up pull requests from the file of repositories."""

from pathlib import Path

from proposer.forges.forge_clients import create_clients
from proposer.forges.repositories import Repositories
from proposer.forges.repository_declarations import InvalidRepositories, load_repositories
from shared.runtime.settings import exit_with_message


def open_repositories(path: Path | None) -> Repositories:
    """Return what the file declares, with a client for each forge. Exits with a message if the file is wrong."""
    try:
        found = load_repositories(path)
        return Repositories(found.homes(), found.declared(), create_clients(found))
    except InvalidRepositories as error:
        exit_with_message(str(error))
