"""Judges at work: the client of the model's endpoint, its pace, the cache, and Ragas in a process of its own."""
