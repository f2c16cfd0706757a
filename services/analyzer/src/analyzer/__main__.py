"""`python -m analyzer` serves; `python -m analyzer migrate` migrates."""

from analyzer.app import build_app
from analyzer.settings import AnalyzerSettings
from shared.service.cli import run_service

if __name__ == "__main__":
    run_service(AnalyzerSettings, build_app)
