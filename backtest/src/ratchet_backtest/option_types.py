"""Types of command line options; imports nothing slow."""

from typing import Literal

ColumnKind = Literal["thumb", "rating", "score", "percent", "label", "error", "latency", "cost"]
"""Content of a column: thumbs, ratings 1 to 5, scores, percentages, labels, outcomes, ms, US dollars."""
Better = Literal["higher", "lower"]
Mark = Literal["point", "comma"]
"""The decimal mark of numbers."""
Preset = Literal["frank", "halueval"]
"""Files of a known shape."""
