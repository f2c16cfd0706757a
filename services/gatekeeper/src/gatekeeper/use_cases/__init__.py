"""Changes of the gatekeeper: each is one transaction with its events and its audit entries."""
