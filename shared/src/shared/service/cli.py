"""The command line of every service: `python -m <service>` serves, `python -m <service> migrate` migrates.

Services parse arguments with argparse, so that their images need neither typer nor rich; tools for people use typer.
"""

import argparse
import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn
from sqlalchemy.exc import DBAPIError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.runtime.database import NotDurable, SchemaOutdated, check_durability, check_schema, engine
from shared.runtime.garbage import tune_garbage_collection
from shared.runtime.log import configure_logging
from shared.runtime.migrations import heads, migrate_now
from shared.runtime.settings import ProcessSettings, ServiceSettings, exit_with_message
from shared.web.connection_limits import ConnectionLimits, guard_connections, raise_open_files


def run_service(
    settings_type: type[ServiceSettings],
    build_app: Callable[[Any], Any],
    arguments: Sequence[str] | None = None,
) -> None:
    """Run the command that `arguments` name (by default those of the process).

    Without a command, serve until SIGTERM or Ctrl-C. `migrate` needs the database owner's RATCHET_DATABASE_URL;
    RATCHET_ROLE_PASSWORD, if set, becomes the password of the service's database role.
    """
    command = service_parser(settings_type.service).parse_args(arguments).command
    settings = settings_type.load()
    configure_logging(settings.log_level)
    if command == "migrate":
        migrate_now(settings.service, settings.database_url, os.environ.get("RATCHET_ROLE_PASSWORD"))
    else:
        asyncio.run(_check_database(settings))
        serve(build_app(settings), settings)


def service_parser(service: str) -> argparse.ArgumentParser:
    """Return the parser of a service's arguments: no command to serve, or `migrate`."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {service}", description=f"Serve the {service}, or migrate its database schema."
    )
    parser.add_argument(
        "command", nargs="?", choices=["migrate"], help="migrate: bring the schema up to date and exit; default: serve"
    )
    return parser


async def _check_database(settings: ServiceSettings) -> None:
    """Exit with a message if the database is unavailable, may lose data, or has another schema version."""
    db = engine(settings)
    try:
        await check_schema(db, settings.service, heads(settings.service))
        if not settings.allow_data_loss:
            await check_durability(db)
    except (SchemaOutdated, NotDurable) as error:
        exit_with_message(f"{settings.service}: {error}")
    except (OSError, DBAPIError) as error:
        exit_with_message(
            f"{settings.service}: the database does not answer ({type(error).__name__}): check RATCHET_DATABASE_URL"
        )
    finally:
        await db.dispose()


def serve(app: Any, settings: ProcessSettings) -> None:
    """Run one instance until it receives SIGTERM or SIGINT. Exit with a message if it cannot start."""
    raise_open_files()
    config = uvicorn.Config(
        app,
        http=guard_connections(getattr(app.state, "http_protocol", HttpToolsProtocol), ConnectionLimits()),
        ws="none",
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
    )
    server = uvicorn.Server(config)
    tune_garbage_collection()
    server.run()
    if not server.started:
        exit_with_message(f"{settings.service}: could not start; see the log above")
