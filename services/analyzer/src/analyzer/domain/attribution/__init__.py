"""Why a fall came: the past of a dimension cell by cell, hypotheses about it, and the causes that the data can tell."""
