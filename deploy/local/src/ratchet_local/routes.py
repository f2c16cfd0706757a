"""Routing table of paths to services, for the local runner and for the gateway of compose.yaml."""

ROUTES: dict[str, str] = {
    "/v1/executions": "collector",
    "/v1/feedback": "collector",
    "/v1/traces": "collector",
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
"""The service of a path and of all paths below it."""

LARGE_BODIES = {"/v1/traces": 9}
"""Paths with larger request bodies than others, with their maximum in MB: exporters send many spans at once."""

STREAMS = frozenset({"/v1/stream"})
"""Paths with streaming responses."""

SERVICES = ("gatekeeper", "collector", "analyzer", "proposer")
"""The services in their start order: the gatekeeper, which emits the keys, is first."""

AGGREGATE_PATHS = ("/health", "/metrics")
"""Paths that are answered for all services together."""


def service_of(path: str) -> str | None:
    """Return the service of `path`; None for `AGGREGATE_PATHS` and unknown API paths. All pages are the console's."""
    parts = path.split("/", 4)
    if parts[1:2] != ["v1"]:
        return None if "/".join(parts[:2]) in AGGREGATE_PATHS else "console"
    depth = 4 if path.startswith("/v1/ops/") else 3
    return ROUTES.get("/".join(parts[:depth]))
