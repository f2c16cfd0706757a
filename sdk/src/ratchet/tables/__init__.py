"""Files of rows: one reader for CSV, JSON, Excel and Parquet, whatever their dialect, encoding and compression.

`open_table(path)` gives a `Table`: its columns by name, nested fields by their path, and its rows batch after batch.
`ratchet.tables.numbers` and `ratchet.tables.times` read a whole column's cells by one rule. Everything that was guessed
is in `Table.notes`; what cannot be decided is raised as a `Doubt` that names the flag which decides it.
"""

from ratchet.tables.encodings import decode
from ratchet.tables.errors import BadFile, Doubt, Option
from ratchet.tables.formats import Layout, open_table, read_records
from ratchet.tables.rows import Omissions, Rows, Sample
from ratchet.tables.table import Table

__all__ = [
    "BadFile",
    "Doubt",
    "Layout",
    "Omissions",
    "Option",
    "Rows",
    "Sample",
    "Table",
    "decode",
    "open_table",
    "read_records",
]
