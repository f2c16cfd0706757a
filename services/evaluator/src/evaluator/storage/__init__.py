"""SQL of the evaluator."""
