"""Keeps prompts, and makes one live only when a person authorised it."""
