"""Promotion and rollback."""
