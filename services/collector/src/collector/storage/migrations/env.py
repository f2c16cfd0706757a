"""Alembic's entry for the schema `collector`."""

from shared.runtime.migrations import run_env

run_env("collector")
