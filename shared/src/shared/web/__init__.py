"""HTTP: problems, keys and scopes, health."""
