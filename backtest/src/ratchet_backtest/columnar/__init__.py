"""Replay in columns: the rows of one metric at once, with the results of the engine's row by row.

Everything that does not decide is computed for many rows by numpy; tests are closed block by block in the order of the
engine; a row at which something may be decided is applied alone. The same floats are computed in the same order, so
reports are equal bit for bit: tests compare them with the engine's.
"""
