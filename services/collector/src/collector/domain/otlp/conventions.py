"""The attributes of the conventions for LLM spans, by the field of an execution that they become. Pure.

Conventions: OpenTelemetry `gen_ai` (current, and its former ones since version 1.26), OpenInference, OpenLLMetry
(`traceloop`, and its former `llm.*`), the Vercel AI SDK (`ai.*`), and Ratchet's own `ratchet.*`, which take precedence.
docs/opentelemetry.md shows these tables; a test compares them.
"""

from collections.abc import Mapping

SOURCES: Mapping[str, tuple[str, ...]] = {
    "model": (
        "gen_ai.response.model", "llm.response.model_name", "llm.model_name", "gen_ai.request.model",
        "llm.request.model_name",
    ),
    "session": (
        "ratchet.session", "gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id",
    ),
    "user": (
        "ratchet.user", "user.id", "enduser.id", "gen_ai.user", "llm.user", "traceloop.association.properties.user_id",
    ),
    "arm": ("ratchet.arm",),
    "currency": ("ratchet.currency",),
    "cost": ("ratchet.cost", "llm.cost.total", "gen_ai.usage.cost"),
    "usage.input_tokens": (
        "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt", "llm.usage.prompt_tokens",
        "ai.usage.inputTokens", "ai.usage.promptTokens",
    ),
    "usage.output_tokens": (
        "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion",
        "llm.usage.completion_tokens", "ai.usage.outputTokens", "ai.usage.completionTokens",
    ),
    "usage.cached_input_tokens": (
        "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read", "ai.usage.cachedInputTokens",
    ),
    "usage.cache_write_tokens": (
        "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens", "llm.token_count.prompt_details.cache_write",
    ),
    "usage.reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning", "llm.usage.reasoning_tokens", "ai.usage.reasoningTokens",
    ),
    "usage.total_tokens": (
        "gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total", "ai.usage.totalTokens",
    ),
    "prompts.name": ("ratchet.prompt.name", "gen_ai.prompt.name", "traceloop.prompt.key", "prompt.id"),
    "prompts.version": ("ratchet.prompt.version", "traceloop.prompt.version", "llm.prompt_template.version"),
    "prompts.digest": ("ratchet.prompt.digest",),
}  # fmt: skip
"""Field → attributes of the span, of which the first that has a value counts."""

FIRST_TOKEN: Mapping[str, float] = {
    "ratchet.time_to_first_token_ms": 1.0,
    "gen_ai.response.time_to_first_chunk": 1000.0,
    "gen_ai.server.time_to_first_token": 1000.0,
    "ai.response.msToFirstChunk": 1.0,
}
"""Attribute with the time to the first token → milliseconds of its unit."""
FIRST_TOKEN_EVENTS = frozenset({"First Token Stream Event", "llm.content.completion.chunk", "ai.stream.firstChunk"})
"""Events at whose time the first token arrived (OpenInference, OpenLLMetry, Vercel AI SDK)."""

TARGET = "ratchet.target"
"""The target, as attribute of the span or of the resource; else it is the resource's `SERVICE`."""
SERVICE = "service.name"
CONSENT = "ratchet.consent."
"""Consent by purpose (`quality`, `learning`), as attributes of the span or of the resource."""
REGION = "ratchet.region"
"""The region whose rules the texts are under, of the span or of the resource; else the resource's `CLOUD_REGION`."""
CLOUD_REGION = "cloud.region"
CONFIDENTIALITY = "ratchet.confidentiality"
"""How confidential the texts are, of the span or of the resource. There is no convention for it."""
OWN_PROMPT = "ratchet.prompt.name"

PARAMETERS = "gen_ai.request."
"""All attributes with this prefix but the model are parameters, by the rest of their names."""
FORMER_PARAMETERS: Mapping[str, str] = {
    "llm.frequency_penalty": "frequency_penalty",
    "llm.presence_penalty": "presence_penalty",
    "llm.top_k": "top_k",
    "llm.chat.stop_sequences": "stop_sequences",
    "llm.request.repetition_penalty": "repetition_penalty",
    "llm.request.reasoning_effort": "reasoning_effort",
}
INVOCATION_PARAMETERS = "llm.invocation_parameters"
"""Parameters as a JSON object (OpenInference)."""
NO_PARAMETERS = frozenset(
    {"model", "model_name", "messages", "input", "prompt", "system", "tools", "functions", "user"}
)
"""Members of `INVOCATION_PARAMETERS` that are no parameters: they are other fields, or contain users' texts."""

OBJECTS_OF_ATTRIBUTES = ("metadata",)
"""Attributes that are JSON objects, whose members become attributes (OpenInference)."""
PREFIXES_OF_ATTRIBUTES = ("traceloop.association.properties.", "ai.telemetry.metadata.")
"""Prefixes that are removed from the names of attributes (OpenLLMetry, Vercel AI SDK)."""

TOOL_CALLS: Mapping[str, tuple[str, ...]] = {
    "id": ("gen_ai.tool.call.id", "tool_call.id", "ai.toolCall.id"),
    "name": ("gen_ai.tool.name", "tool.name", "tool_call.function.name", "ai.toolCall.name", "traceloop.entity.name"),
    "arguments": (
        "gen_ai.tool.call.arguments", "tool_call.function.arguments", "ai.toolCall.args", "input.value",
        "traceloop.entity.input",
    ),
    "result": ("gen_ai.tool.call.result", "ai.toolCall.result", "output.value", "traceloop.entity.output"),
}  # fmt: skip
"""Field of a call of a tool → attributes of the tool's span."""

TOOL_DEFINITIONS = "gen_ai.tool.definitions"
TOOLS = "llm.tools"
FORMER_TOOLS = "llm.request.functions"

RETRIEVED = "gen_ai.retrieval.documents"
DOCUMENTS = ("retrieval.documents", "reranker.output_documents")
DOCUMENT_EVENTS: Mapping[str, str] = {"db.query.result": "db.query.result.document"}
"""Event → its attribute with the text of a document (OpenLLMetry)."""

EVALUATION_EVENT = "gen_ai.evaluation.result"
ANNOTATIONS: Mapping[str, str] = {"annotations": "annotation", "evaluations": "evaluation"}
"""List of results about one span → prefix of their attributes (OpenInference)."""

DETAILS_EVENT = "gen_ai.client.inference.operation.details"
"""An event whose attributes are those of the span, where the span lacks them."""

_CONTENTS = frozenset({
    "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.prompt",
    "gen_ai.completion", "input.value", "input.mime_type", "output.value", "output.mime_type",
    "traceloop.entity.input", "traceloop.entity.output", "ai.prompt", "ai.prompt.messages", "ai.prompt.tools",
    "ai.prompt.toolChoice", "ai.response.text", "ai.response.object", "ai.response.toolCalls",
    "ai.response.reasoning", "ai.response.providerMetadata", "ai.response.files", "llm.prompt_template.template",
    "llm.prompt_template.variables", "traceloop.prompt.template", "llm.function_call", TOOL_DEFINITIONS, RETRIEVED,
})  # fmt: skip
_LISTS = (
    "gen_ai.prompt.", "gen_ai.completion.", "llm.input_messages.", "llm.output_messages.", "llm.prompts.",
    "llm.choices.", f"{TOOLS}.", f"{FORMER_TOOLS}.", *(f"{prefix}." for prefix in DOCUMENTS),
    "traceloop.prompt.template_variables.", "reranker.input_documents.",
)  # fmt: skip
_FEEDBACK = tuple(f"{scope}{name}." for scope in ("", "trace.", "session.") for name in ANNOTATIONS)
_PERSONAL = (
    "user.", "enduser.", "gen_ai.headers", "llm.headers", "http.request.header.", "http.response.header.",
    "ai.request.headers.",
)  # fmt: skip
"""Attributes about people, and headers, which may have credentials."""
_RATCHET = ("ratchet.",)

NO_ATTRIBUTES = frozenset(
    {name for names in SOURCES.values() for name in names}
    | _CONTENTS
    | FORMER_PARAMETERS.keys()
    | FIRST_TOKEN.keys()
    | {INVOCATION_PARAMETERS, *OBJECTS_OF_ATTRIBUTES, "openinference.span.kind", "traceloop.span.kind"}
)
"""Attributes of spans that are not kept as attributes of executions: they become other fields, or are left out."""
NO_ATTRIBUTE_PREFIXES = (*_LISTS, *_FEEDBACK, *_PERSONAL, *_RATCHET, PARAMETERS)

NO_RESOURCE_ATTRIBUTES = (
    SERVICE, "service.instance.id", "telemetry.", "process.", "host.", "os.", "container.", "k8s.", "ratchet.", "user.",
    "enduser.",
)  # fmt: skip
"""Prefixes of attributes of resources that are not kept as attributes of executions: they tell processes apart."""
