"""`python -m gatekeeper` serves; `migrate` and `bootstrap` are jobs that need the database owner's URL."""

import sys

from gatekeeper.app import build_app
from gatekeeper.bootstrap import main
from gatekeeper.settings import GatekeeperSettings
from shared.service.cli import run_service

if __name__ == "__main__":
    if sys.argv[1:2] == ["bootstrap"]:
        main(sys.argv[2:])
    else:
        run_service(GatekeeperSettings, build_app)
