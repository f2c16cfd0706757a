"""Fakes for tests: a clock, a bus with offsets, redelivery and rebalancing, and a store."""
