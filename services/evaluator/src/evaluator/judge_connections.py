"""The judges of the service, from its settings: endpoint, methods, and the API keys that submit their scores."""

from evaluator.judge_service import JudgeTools
from evaluator.settings import EvaluatorSettings
from ratchet_evaluation.endpoints.model_client import ModelClient
from ratchet_evaluation.endpoints.model_endpoint import EndpointError, ModelEndpoint, read_secret
from ratchet_evaluation.judges.endpoint_variables import endpoint_from_environment
from ratchet_evaluation.judges.panel import methods_of
from ratchet_evaluation.judges.ragas_judge import RagasJudge
from shared.runtime.settings import exit_with_message


class JudgeConnections:
    """The connections of judges: one client, and the process of Ragas. `tools` is None without an endpoint."""

    def __init__(self, settings: EvaluatorSettings) -> None:
        self.endpoint = find_endpoint(settings)
        self.tools: JudgeTools | None = None
        if self.endpoint is not None:
            self._client = ModelClient(self.endpoint)
            self._ragas = RagasJudge(self._client, settings.ragas_python)
            self.tools = JudgeTools(self.endpoint, methods_of(self._client, self._ragas), parse_api_keys(settings))

    async def close(self) -> None:
        """End the process of Ragas and close connections."""
        if self.endpoint is not None:
            await self._ragas.close()
            await self._client.close()


def find_endpoint(settings: EvaluatorSettings) -> ModelEndpoint | None:
    """Return the endpoint of the settings, None if there is none. Exit with a message if it is wrong."""
    if not settings.judge_url:
        return None
    try:
        return endpoint_from_environment(settings.judge_environment)
    except EndpointError as error:
        exit_with_message(f"evaluator: {error}")


def parse_api_keys(settings: EvaluatorSettings) -> dict[str, str]:
    """Return id and secret of each API key. Exit with a message if a file can't be read or a key is malformed."""
    try:
        given = read_secret(settings.api_keys, settings.api_keys_file, "RATCHET_API_KEYS_FILE") or ""
    except EndpointError as error:
        exit_with_message(f"evaluator: {error}")
    found = {}
    for key in given.replace(",", " ").split():
        prefix, _, rest = key.partition("_")
        key_id, _, secret = rest.partition("_")
        if prefix != "rk" or not key_id or not secret:
            exit_with_message("evaluator: RATCHET_API_KEYS must have keys of the form rk_<id>_<secret>")
        found[key_id] = secret
    return found
