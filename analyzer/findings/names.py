"""Findings of the names stage: what its limits left out."""

from __future__ import annotations

from analyzer.findings.kinds import WARNING
from analyzer.findings.kinds import kind_of as _kind

NAMES_LIMIT = _kind(
    "names-limit",
    WARNING,
    "",
    "More names were looked up at once than max_names; times of look-ups may be missing: {detail}.",
)
