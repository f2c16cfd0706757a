"""Command line of the evaluator: `python -m evaluator` serves, `python -m evaluator migrate` migrates its schema."""

from evaluator.app import build_app
from evaluator.settings import EvaluatorSettings
from shared.service.cli import run_service

if __name__ == "__main__":
    run_service(EvaluatorSettings, build_app)
