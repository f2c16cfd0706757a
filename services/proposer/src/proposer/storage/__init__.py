"""All SQL of this service, a file for each noun. Nothing here commits."""
