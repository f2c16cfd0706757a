"""HTTP API of the evaluator."""
