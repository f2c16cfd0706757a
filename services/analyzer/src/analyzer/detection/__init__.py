"""Findings one can stake a decision on: sequential tests that may be looked at after every value.

`Monitor` is the whole of it for other rooms; see its module for how it is used.
"""

from analyzer.detection.monitor import Monitor
from analyzer.detection.words import Estimate, Finding, Kind, Settings, Since, State

__all__ = ["Estimate", "Finding", "Kind", "Monitor", "Settings", "Since", "State"]
