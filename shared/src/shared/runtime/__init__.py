"""How a service runs: settings, log, clock, metrics, database."""
