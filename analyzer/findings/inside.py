"""Findings of what messages say: the protocols inside WebSocket."""

from __future__ import annotations

from analyzer.findings.kinds import NOTE
from analyzer.findings.kinds import kind_of as _kind

INSIDE_UNPARSED = _kind(
    "inside-unparsed", NOTE, "", "A message is not one of {detail}, which its connection speaks."
)
INSIDE_GIVEN_UP = _kind(
    "inside-given-up",
    NOTE,
    "",
    "The connection was taken for {detail}, and is not: its messages are not read any more.",
)
INSIDE_MESSAGE_LIMIT = _kind(
    "inside-message-limit",
    NOTE,
    "",
    "A message is longer than max_inside_bytes: what it says is not read.",
)
INSIDE_LIMIT = _kind(
    "inside-limit", NOTE, "", "Of what messages say some was not kept: {detail} was reached."
)
