"""Reading of tabular files: CSV, JSON, Excel and Parquet in any dialect, encoding and compression.

`open_table(path)` returns a `Table`: columns by name, nested fields by path, and rows in batches.
`ratchet.tables.numbers` and `ratchet.tables.times` parse all cells of a column by one rule. Assumptions are listed in
`Table.notes`; an ambiguity raises `Doubt`, which names the option that resolves it.
"""

from ratchet.tables.encodings import decode
from ratchet.tables.errors import BadFile, Doubt, Option
from ratchet.tables.formats import Layout, open_source, open_table, read_records
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
    "open_source",
    "open_table",
    "read_records",
]
