"""Promotion and going back."""
