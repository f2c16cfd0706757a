"""Backtest of a Langfuse project, read through the public API by GET only.

`download` reads pages through `http`, the only module with network access; `assembly` joins scores and observations,
`trace_table` provides them as rows, and `fix_suggestion` compares two versions of a prompt.
"""
