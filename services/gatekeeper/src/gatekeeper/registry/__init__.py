"""What prompts say, by content, and what was seen in use."""
