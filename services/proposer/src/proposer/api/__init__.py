"""HTTP routes of the proposer. All are read only."""
