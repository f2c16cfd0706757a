"""`python -m collector` serves; `migrate` migrates the schema, `restore` loads archived days back into the log."""

import sys

from collector.app import build_app
from collector.archive_restore import main
from collector.settings import CollectorSettings
from shared.service.cli import run_service

if sys.argv[1:2] == ["restore"]:
    main(sys.argv[2:])
else:
    run_service(CollectorSettings, build_app)
