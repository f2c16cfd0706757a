"""All SQL of the proposer, a file for each noun. Nothing here commits."""
