"""Delivery of live prompts to apps: read and streamed."""
