"""The command line of every service: `python -m <service>` serves, `python -m <service> migrate` migrates."""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from sqlalchemy.exc import DBAPIError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.runtime.database import NotDurable, SchemaOutdated, check_durability, check_schema, engine
from shared.runtime.log import configure_logging
from shared.runtime.migrations import heads, migrate_now
from shared.runtime.settings import ProcessSettings, ServiceSettings, exit_with_message
from shared.web.connections import ConnectionLimits, guarded, raise_open_files


def run_service(
    settings_type: type[ServiceSettings],
    build_app: Callable[[Any], Any],
    arguments: list[str] | None = None,
) -> None:
    """Serves until SIGTERM or Ctrl-C; or migrates, with an owner's RATCHET_DATABASE_URL, and ends.

    RATCHET_ROLE_PASSWORD, where set, becomes the password of the service's database role on migration.
    """
    words = sys.argv[1:] if arguments is None else arguments
    settings = settings_type.load()
    configure_logging(settings.log_level)
    if words == ["migrate"]:
        migrate_now(settings.service, settings.database_url, os.environ.get("RATCHET_ROLE_PASSWORD"))
    elif words:
        exit_with_message(f"usage: python -m {settings.service} [migrate]")
    else:
        asyncio.run(_preflight(settings))
        serve(build_app(settings), settings)


async def _preflight(settings: ServiceSettings) -> None:
    """Ends the process with one clear line where the database is away forgetful, or of another schema."""
    db = engine(settings)
    try:
        await check_schema(db, settings.service, heads(settings.service))
        if not settings.allow_data_loss:
            await check_durability(db)
    except (SchemaOutdated, NotDurable) as error:
        exit_with_message(f"{settings.service}: {error}")
    except (OSError, DBAPIError) as error:
        exit_with_message(f"{settings.service}: the database does not answer: {type(error).__name__}")
    finally:
        await db.dispose()


def serve(app: Any, settings: ProcessSettings) -> None:
    """Runs one instance until it is told to stop. A taken port ends it with one clear line."""
    raise_open_files()
    config = uvicorn.Config(
        app,
        http=guarded(HttpToolsProtocol, ConnectionLimits()),
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
    server.run()
    if not server.started:
        exit_with_message(f"{settings.service}: could not start; see the log above")
