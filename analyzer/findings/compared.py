"""Findings of the comparison with other transports: what was not compared in full."""

from __future__ import annotations

from analyzer.findings.kinds import INFO, NOTE
from analyzer.findings.kinds import kind_of as _kind

COMPARED_LIMIT = _kind(
    "compared-limit",
    INFO,
    "",
    "The comparison with other transports is not complete: {detail}.",
)

COMPARED_RECORDED = _kind(
    "compared-recorded",
    INFO,
    "",
    "The comparison with other transports is that of the original capture, which the anonymized "
    "file carries: false payload would give other numbers.",
)
COMPARED_FALSE = _kind(
    "compared-false",
    NOTE,
    "",
    "The comparison with other transports is not that of the original: it was reckoned from the "
    "false payload of an anonymized file, since {detail}.",
)
