"""Proposals and decisions about them."""
