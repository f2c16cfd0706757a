"""The evaluation worker: leases cases of evaluations, and answers them with a function of the app."""

from ratchet.client.worker.evaluation_worker import EvaluationWorker
from ratchet.client.worker.leased_tasks import AskedCase

__all__ = ["AskedCase", "EvaluationWorker"]
