"""Findings of what messages say: the protocols inside WebSocket."""

from __future__ import annotations

from analyzer.findings.kinds import NOTE
from analyzer.findings.kinds import kind_of as _kind

INSIDE_UNPARSED = _kind(
    "inside-unparsed", NOTE, "", "A message is not valid {detail}, which its connection uses."
)
INSIDE_GIVEN_UP = _kind(
    "inside-given-up",
    NOTE,
    "",
    "The connection was taken for {detail}, which is wrong: its messages are no longer parsed.",
)
INSIDE_MESSAGE_LIMIT = _kind(
    "inside-message-limit",
    NOTE,
    "",
    "A message is longer than max_inside_bytes: its content is not parsed.",
)
INSIDE_LIMIT = _kind(
    "inside-limit",
    NOTE,
    "",
    "Some of the parsed content of messages was not kept: {detail} was reached.",
)
