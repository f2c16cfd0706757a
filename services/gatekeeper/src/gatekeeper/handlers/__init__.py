"""Handlers of the events that the gatekeeper consumes."""
