"""Findings of the comparison with other transports: what was not compared in full."""

from __future__ import annotations

from analyzer.findings.kinds import INFO
from analyzer.findings.kinds import kind_of as _kind

COMPARED_LIMIT = _kind(
    "compared-limit",
    INFO,
    "",
    "The comparison with other transports is not complete: {detail}.",
)
