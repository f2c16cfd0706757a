"""Words of the command line; nothing heavy is imported here."""

from typing import Literal

Kind = Literal["thumb", "rating", "score", "percent", "label", "error", "latency", "cost"]
"""What a column holds: thumbs, ratings 1 to 5, scores, percentages, good and bad words, outcomes, ms, US dollars."""
Better = Literal["higher", "lower"]
Mark = Literal["point", "comma"]
"""The decimal mark of numbers."""
Preset = Literal["frank", "halueval"]
"""Files of a known shape."""
