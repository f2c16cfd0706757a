"""Causes of a regression: history by cell, hypotheses and their ranking."""
