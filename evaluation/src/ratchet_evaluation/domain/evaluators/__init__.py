"""Evaluators of answers that need no model: one port (`definition`) and one catalogue (`catalog`)."""
