"""Findings of diagnosis: what its limits left out."""

from __future__ import annotations

from analyzer.findings.kinds import INFO
from analyzer.findings.kinds import kind_of as _kind

DIAGNOSIS_LIMIT = _kind(
    "diagnosis-limit", INFO, "", "The search for causes did not cover everything: {detail}."
)
