"""Test infrastructure: real servers, services as processes, generators of test data, models and fakes."""
