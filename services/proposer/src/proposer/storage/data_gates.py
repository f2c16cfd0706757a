"""SQL of the data gates: which rows a target allows to be used. See `domain.data_rules.DataRules.allows`."""

from proposer.domain.data_rules import DataRules

PASSES_GATES = """(CAST(:regions AS text[]) IS NULL OR region = ANY(CAST(:regions AS text[]))
            OR (region IS NULL AND :allow_unknown))
           AND (CAST(:levels AS text[]) IS NULL OR confidentiality = ANY(CAST(:levels AS text[]))
            OR (confidentiality IS NULL AND :allow_unknown))
           AND NOT (personal AND :gated)"""
"""A condition on the columns `region`, `confidentiality` and `personal`."""


def gate_parameters(rules: DataRules) -> dict[str, object]:
    """Return the parameters of `PASSES_GATES`."""
    return {
        "regions": None if rules.regions is None else list(rules.regions),
        "levels": None if rules.levels is None else list(rules.levels),
        "allow_unknown": rules.allow_unknown,
        "gated": rules.declared,
    }
