"""Sequential comparison of paired scores by betting (docs/decisions)."""
