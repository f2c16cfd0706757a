"""Judges: evaluators that ask a language model. Definitions, prompts, replies and budgets, without I/O."""
