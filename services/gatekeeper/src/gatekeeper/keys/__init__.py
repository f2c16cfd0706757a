"""Who may speak, and the key that signs."""
