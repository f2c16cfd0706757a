"""Runtime of a service: settings, log, clock, metrics, database, background tasks."""
