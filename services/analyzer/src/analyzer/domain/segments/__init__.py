"""What traffic does to values: cells of declared dimensions, and what is expected of each."""
