"""Findings one can stake a decision on: sequential tests that may be looked at after every value.

`Monitor` watches a stream, `NonInferiorityTest` what comes after an alarm; see their modules for how they are used.
"""

from analyzer.domain.detection.monitor import Monitor
from analyzer.domain.detection.non_inferiority import NonInferiorityTest
from analyzer.domain.detection.types import Estimate, Finding, Kind, Settings, Since, State

__all__ = ["Estimate", "Finding", "Kind", "Monitor", "NonInferiorityTest", "Settings", "Since", "State"]
