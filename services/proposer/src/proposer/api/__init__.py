"""HTTP routes of the proposer."""
