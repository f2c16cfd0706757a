"""Standing authorisations for one few-shot slot, and the examples that came in by them."""
