"""Command line of the proposer: `python -m proposer` serves, `python -m proposer migrate` migrates its schema."""

from proposer.app import build_app
from proposer.settings import ProposerSettings
from shared.service.cli import run_service

if __name__ == "__main__":
    run_service(ProposerSettings, build_app)
