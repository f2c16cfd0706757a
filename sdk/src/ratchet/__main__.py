"""The command `ratchet`, also as `python -m ratchet`."""

import sys


def main() -> None:
    """Run the command line. Exits with 1 where the extra `cli` is not installed."""
    try:
        from ratchet.cli import app
    except ModuleNotFoundError as error:
        if error.name not in ("rich", "typer"):
            raise
        sys.exit("ratchet: the command line is not installed: pip install 'ratchet-sdk[cli]'")
    app()


if __name__ == "__main__":
    main()
