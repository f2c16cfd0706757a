"""Decisions of the evaluator, pure."""
