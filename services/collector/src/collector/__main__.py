"""`python -m collector` serves; `python -m collector migrate` migrates the schema."""

from collector.app import build_app
from collector.settings import CollectorSettings
from shared.service.cli import run_service

run_service(CollectorSettings, build_app)
