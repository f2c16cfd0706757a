"""Grants: standing authorisations for few-shot proposals."""
