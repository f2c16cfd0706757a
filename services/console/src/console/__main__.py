"""Command line of the console: `python -m console` serves. It has no tables to migrate."""

from console.app import build_app
from console.settings import ConsoleSettings
from shared.runtime.log import configure_logging
from shared.service.cli import serve

if __name__ == "__main__":
    settings = ConsoleSettings.load()
    configure_logging(settings.log_level)
    serve(build_app(settings), settings)
