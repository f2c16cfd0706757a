"""What is live, for apps: read, and pushed."""
