"""Messaging on Kafka: outbox and inbox make sure that an event is neither lost nor counted twice."""
