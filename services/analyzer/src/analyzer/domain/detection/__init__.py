"""Sequential tests whose error rates hold although they are evaluated after every value.

`Monitor` tests a stream for a drop, `NonInferiorityTest` tests for recovery after an alarm.
"""

from analyzer.domain.detection.monitor import Monitor
from analyzer.domain.detection.non_inferiority import NonInferiorityTest
from analyzer.domain.detection.types import ChangeInterval, DetectionSettings, Estimate, Finding, JsonState, ValueKind

__all__ = [
    "ChangeInterval",
    "DetectionSettings",
    "Estimate",
    "Finding",
    "JsonState",
    "Monitor",
    "NonInferiorityTest",
    "ValueKind",
]
