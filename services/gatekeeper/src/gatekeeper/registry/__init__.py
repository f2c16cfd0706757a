"""Prompt versions and example sets by digest, and observed digests."""
