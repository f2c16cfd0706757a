"""Pure decisions and values of the gatekeeper."""
