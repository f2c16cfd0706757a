"""Endpoints of language models: what they are, and the one client that asks them."""
