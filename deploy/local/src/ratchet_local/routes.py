"""Which service answers which path: the one table for the local runner and for the gateway of compose.yaml."""

ROUTES: dict[str, str] = {
    "/v1/executions": "collector",
    "/v1/feedback": "collector",
    "/v1/ops/collector": "collector",
    "/v1/metrics": "analyzer",
    "/v1/quality": "analyzer",
    "/v1/regressions": "analyzer",
    "/v1/ops/analyzer": "analyzer",
    "/v1/candidates": "proposer",
    "/v1/drafts": "proposer",
    "/v1/ops/proposer": "proposer",
    "/v1/audit": "gatekeeper",
    "/v1/examples": "gatekeeper",
    "/v1/grants": "gatekeeper",
    "/v1/halt": "gatekeeper",
    "/v1/instances": "gatekeeper",
    "/v1/keys": "gatekeeper",
    "/v1/loop": "gatekeeper",
    "/v1/people": "gatekeeper",
    "/v1/prompts": "gatekeeper",
    "/v1/proposals": "gatekeeper",
    "/v1/resume": "gatekeeper",
    "/v1/session": "gatekeeper",
    "/v1/sessions": "gatekeeper",
    "/v1/sign-in-links": "gatekeeper",
    "/v1/signing-keys": "gatekeeper",
    "/v1/stream": "gatekeeper",
    "/v1/versions": "gatekeeper",
    "/v1/ops/gatekeeper": "gatekeeper",
}
"""A path and all below it → the service."""

STREAMS = frozenset({"/v1/stream"})
"""Paths whose answers go on for as long as the client listens."""

SERVICES = ("gatekeeper", "collector", "analyzer", "proposer")
"""In the order in which they start: the one that knows the keys comes first."""


FRONT = ("/health", "/metrics")
"""What is told of all services together."""


def service_of(path: str) -> str | None:
    """The service that answers `path`; None where it is about all of them, or no service's. Pages are the console's."""
    parts = path.split("/", 4)
    if parts[1:2] != ["v1"]:
        return None if "/".join(parts[:2]) in FRONT else "console"
    depth = 4 if path.startswith("/v1/ops/") else 3
    return ROUTES.get("/".join(parts[:depth]))
