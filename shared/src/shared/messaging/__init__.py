"""Delivery: an acknowledged event is never lost and never counted twice."""
