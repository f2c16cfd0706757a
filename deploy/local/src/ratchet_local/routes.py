"""Routing table of paths to services, for the local runner and for the gateway of compose.yaml."""

ROUTES: dict[str, str] = {
    "/v1/executions": "collector",
    "/v1/feedback": "collector",
    "/v1/traces": "collector",
    "/v1/views": "collector",
    "/v1/pulls": "collector",
    "/v1/erasures": "collector",
    "/v1/ops/collector": "collector",
    "/v1/openapi/collector": "collector",
    "/v1/metrics": "analyzer",
    "/v1/quality": "analyzer",
    "/v1/regressions": "analyzer",
    "/v1/ops/analyzer": "analyzer",
    "/v1/openapi/analyzer": "analyzer",
    "/v1/candidates": "proposer",
    "/v1/drafts": "proposer",
    "/v1/instruction-drafts": "proposer",
    "/v1/pull-requests": "proposer",
    "/v1/repository-texts": "proposer",
    "/v1/tuning-settings": "proposer",
    "/api/v1/prompts": "proposer",
    "/v1/ops/proposer": "proposer",
    "/v1/openapi/proposer": "proposer",
    "/v1/annotation-queues": "evaluator",
    "/v1/datasets": "evaluator",
    "/v1/evaluation-estimates": "evaluator",
    "/v1/evaluation-tasks": "evaluator",
    "/v1/bisections": "evaluator",
    "/v1/evaluations": "evaluator",
    "/v1/judges": "evaluator",
    "/v1/judging": "evaluator",
    "/v1/ops/evaluator": "evaluator",
    "/v1/openapi/evaluator": "evaluator",
    "/v1/audit": "gatekeeper",
    "/v1/evaluation-rules": "gatekeeper",
    "/v1/examples": "gatekeeper",
    "/v1/grants": "gatekeeper",
    "/v1/rollouts": "gatekeeper",
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
    "/v1/openapi/gatekeeper": "gatekeeper",
}
"""The service of a path and of all paths below it."""

TEMPLATES = "/api/v1/prompts/templates/"
BELOW_TEMPLATES: dict[str, str] = {"/metrics": "collector"}
"""The service of a route below one template, if it is another than that of `ROUTES`."""

LARGE_BODIES = {"/v1/traces": 9, "/v1/executions": 1_000, "/v1/feedback": 1_000}
"""Paths with larger request bodies than others, with their maximum in MB: exporters send many spans at once."""

BULK = frozenset({"/v1/executions", "/v1/feedback"})
"""Paths whose service handles a request while it arrives: a proxy in front must not store its body."""

STREAMS = frozenset({"/v1/stream"})
"""Paths with streaming responses."""

SERVICES = ("gatekeeper", "collector", "analyzer", "proposer", "evaluator")
"""The services in their start order: the gatekeeper, which emits the keys, is first."""

AGGREGATE_PATHS = ("/health", "/metrics")
"""Paths that are answered for all services together."""


def service_of(path: str) -> str | None:
    """Return the service of `path`; None for `AGGREGATE_PATHS` and unknown API paths. All pages are the console's."""
    parts = path.split("/", 4)
    if path.startswith(TEMPLATES) and (ending := f"/{path.rsplit('/', 1)[1]}") in BELOW_TEMPLATES:
        return BELOW_TEMPLATES[ending]
    if path.startswith("/api/v1/"):
        return ROUTES.get("/".join(parts[:4]))
    if parts[1:2] != ["v1"]:
        return None if "/".join(parts[:2]) in AGGREGATE_PATHS else "console"
    depth = 4 if path.startswith(("/v1/ops/", "/v1/openapi/")) else 3
    return ROUTES.get("/".join(parts[:depth]))
