"""Pulls: periodic reading of executions and feedback from Langfuse and CloudWatch Logs.

Loaded only where RATCHET_PULLS names a file. `configuration` reads that file, `pull_runner` runs one pull until it has
caught up, `langfuse_source` reads a server, `cloudwatch_source` log groups.
"""
