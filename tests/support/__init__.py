"""What tests stand on: real servers, waiting for facts, and services as processes."""
