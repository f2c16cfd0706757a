"""HTTP API of the gatekeeper, one file per resource."""
