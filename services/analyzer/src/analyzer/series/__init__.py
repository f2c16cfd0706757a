"""What was measured, by when it ran: values of a few seconds each, for charts."""
