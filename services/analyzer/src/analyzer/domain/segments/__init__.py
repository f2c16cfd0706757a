"""Adjustment of values by traffic segment: cells of declared dimensions and their expected means."""
