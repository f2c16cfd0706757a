"""API keys and the signing key."""
