"""Fakes that ship: a clock, a bus with offsets, redelivery and rebalance, and a store."""
