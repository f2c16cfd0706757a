"""The definitions of metrics that a project declared."""
