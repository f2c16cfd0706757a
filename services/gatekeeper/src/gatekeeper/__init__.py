"""Stores prompts, and makes a version live only with a person's authorisation."""
