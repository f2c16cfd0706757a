"""Automatic metrics of summaries beside people: the FRANK benchmark (Pagnoni et al., 2021)."""

import json

from typer.testing import CliRunner

from ratchet.cli.app import app
from tests.support.requirements import data_file


def test_real_judges_beside_people() -> None:
    """The table in docs/evaluation.md."""
    files = [str(data_file(name)) for name in ("frank.jsonl", "frank-metrics.jsonl")]
    words = ("--on", "hash", "--on", "model_name", "--cluster", "hash", "--people", "Factuality")
    judges = ("--judge", "FactCC", "--judge", "Rouge L")
    found = json.loads(CliRunner().invoke(app, ("agreement", *files, *words, *judges, "--json")).stdout)["judges"]
    factcc, rouge = found
    assert (factcc["kappa"]["n"], round(factcc["kappa"]["value"], 2)) == (2246, 0.59)
    assert 0.5 < factcc["kappa"]["low"] < factcc["kappa"]["high"] < 0.65
    assert rouge["kappa"]["high"] < 0.1
