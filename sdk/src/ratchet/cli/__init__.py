"""The command `ratchet`."""

from ratchet.cli.app import app

__all__ = ["app"]
