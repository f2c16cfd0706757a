"""Import of executions and feedback from files: columns, rows, upload."""
