"""Findings of permessage-deflate (RFC 7692)."""

from __future__ import annotations

from analyzer.findings.kinds import ERROR, INFO, WARNING
from analyzer.findings.kinds import kind_of as _kind

DEFLATE_BAD_DATA = _kind(
    "deflate-bad-data",
    ERROR,
    "RFC 7692 7.2.2",
    "A compressed message cannot be inflated: {detail}.",
)
DEFLATE_CONTEXT_LOST = _kind(
    "deflate-context-lost",
    WARNING,
    "RFC 7692 7.2.2",
    "A compressed message needs earlier ones that were not captured; it is not shown.",
    has_culprit=False,
)
DEFLATE_WINDOW_EXCEEDED = _kind(
    "deflate-window-exceeded",
    ERROR,
    "RFC 7692 7.1.2, 7.2.1",
    "A compressed message refers beyond the agreed window: {detail}.",
)
DEFLATE_TAKEOVER_FORBIDDEN = _kind(
    "deflate-takeover-forbidden",
    ERROR,
    "RFC 7692 7.1.1",
    "A compressed message needs the context of earlier ones, which its sender had agreed to drop.",
)
DEFLATE_LIMIT = _kind(
    "deflate-limit",
    ERROR,
    "",
    "A compressed message is larger than max_inflated_bytes.",
    has_culprit=False,
)
DEFLATE_ESTIMATE_LIMIT = _kind(
    "deflate-estimate-limit",
    INFO,
    "",
    "What permessage-deflate would save is not estimated from here on: {detail} is reached.",
    has_culprit=False,
)
