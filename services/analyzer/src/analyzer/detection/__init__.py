"""Findings one can stake a decision on: sequential tests that may be looked at after every value.

`Monitor` watches a stream, `Recovery` what comes after an alarm; see their modules for how they are used.
"""

from analyzer.detection.monitor import Monitor
from analyzer.detection.recovery import Recovery
from analyzer.detection.words import Estimate, Finding, Kind, Settings, Since, State

__all__ = ["Estimate", "Finding", "Kind", "Monitor", "Recovery", "Settings", "Since", "State"]
