"""Conversion of observations and scores to the API of version 3."""

from collections.abc import Mapping
from typing import Any

_KEPT = (
    *("id", "traceId", "startTime", "endTime", "parentObservationId", "type", "name", "level", "environment"),
    *("promptName", "promptVersion", "latency"),
)


def trace(root: Mapping[str, Any]) -> dict[str, Any]:
    """Return the trace of a root observation."""
    return {
        "id": root["traceId"],
        "timestamp": root["startTime"],
        "name": root["traceName"],
        "input": root["input"],
        "output": root.get("output"),
        "sessionId": root.get("sessionId"),
        "release": root["release"],
        "version": root.get("version"),
        "userId": root["userId"],
        "tags": root.get("tags") or [],
        "public": False,
        "environment": root["environment"],
        "htmlPath": f"/project/p/traces/{root['traceId']}",
        "latency": root["latency"],
        "totalCost": 0.001,
        "observations": [],
        "scores": [],
    }


def observation(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return an observation."""
    dated = dict.fromkeys(("completionStartTime", "modelParameters", "version", "statusMessage", "promptId"))
    usage = {"input": 1, "output": 1, "total": 2, "unit": "TOKENS"}
    costs = {"calculatedInputCost": None, "calculatedOutputCost": None, "calculatedTotalCost": found["totalCost"]}
    return {
        **{name: found[name] for name in _KEPT},
        **dated,
        **costs,
        **dict.fromkeys(("inputPrice", "outputPrice", "totalPrice", "modelId", "timeToFirstToken")),
        "model": found["providedModelName"],
        "input": found["input"],
        "output": None,
        "metadata": {},
        "usage": usage,
        "usageDetails": found.get("usageDetails") or {},
        "costDetails": {},
    }


def score(score: Mapping[str, Any]) -> dict[str, Any]:
    """Return a score of any kind."""
    value, subject = score["value"], score["subject"]
    kind = subject["kind"]
    words = {"stringValue": str(value)} if score["dataType"] != "NUMERIC" else {}
    return {
        **{name: score[name] for name in ("id", "name", "source", "timestamp", "createdAt", "updatedAt", "dataType")},
        **{name: score.get(name) for name in ("authorUserId", "comment", "configId", "queueId")},
        **words,
        "metadata": {},
        "environment": "default",
        "value": 0 if isinstance(value, str) else float(value),
        "traceId": subject["id"] if kind == "trace" else subject.get("traceId"),
        "observationId": subject["id"] if kind == "observation" else None,
        "sessionId": subject["id"] if kind == "session" else None,
        "datasetRunId": None,
    }
