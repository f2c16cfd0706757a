"""Backtest of a Langfuse project.

`download` reads it through the client in `langfuse/`; `assembly` joins scores and observations, `trace_table` provides
them as rows, and `fix_suggestion` compares two versions of a prompt.
"""
