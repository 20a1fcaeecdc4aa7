"""Opcodes and close codes: their numbers, their names, and what a Close may say.

Knows RFC 6455 sections 5.2, 5.5.1 and 7.4 and the IANA registries made by it. Must
not know streams or connections. Called by the websocket stage and by recognition.
"""

from __future__ import annotations

import codecs
from functools import lru_cache
from typing import Final

from analyzer import findings
from analyzer.findings import Kind
from analyzer.named_tuple import NamedTuple

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

OPCODES: Final = (
    *("continuation", "text", "binary"),
    *(f"reserved-{number}" for number in range(3, 8)),
    *("close", "ping", "pong"),
    *(f"reserved-{number}" for number in range(11, 16)),
)
"""The label of each opcode, at the opcode's place (RFC 6455 5.2)."""

CLOSE_CODES: Final[dict[int, str]] = {
    1000: "Normal Closure",
    1001: "Going Away",
    1002: "Protocol error",
    1003: "Unsupported Data",
    1004: "Reserved",
    1005: "No Status Rcvd",
    1006: "Abnormal Closure",
    1007: "Invalid frame payload data",
    1008: "Policy Violation",
    1009: "Message Too Big",
    1010: "Mandatory Ext.",
    1011: "Internal Error",
    1012: "Service Restart",
    1013: "Try Again Later",
    1014: "Bad Gateway",
    1015: "TLS handshake",
    3000: "Unauthorized",
    3003: "Forbidden",
    3008: "Timeout",
}
"""The IANA "WebSocket Close Code Number Registry"."""

NEVER_SENT: Final = frozenset({1004, 1005, 1006, 1015})
"""RFC 6455 7.4.1: 1005, 1006 and 1015 "MUST NOT be set as a status code in a Close
control frame by an endpoint"; 1004 is reserved and has no meaning yet."""

MAX_CONTROL: Final = 125
"""RFC 6455 5.5: payload bytes that a control frame may have."""

LAST_ASSIGNED: Final = 1014
"""Highest code of the protocol's own range that is allowed in a frame."""


class CloseBody(NamedTuple):
    """What the payload of a Close frame says.

    Attributes:
        code: status code; None where the body has none.
        reason: text after the code, bad UTF-8 replaced; None where the body has no code.
        faults: kinds of findings for the rules that it breaks.
    """

    code: int | None
    reason: str | None
    faults: tuple[Kind, ...] = ()


def is_control(opcode: int) -> bool:
    """Tell whether `opcode` (0 to 15) is a control opcode.

    RFC 6455 5.5: "Control frames are identified by opcodes where the most
    significant bit of the opcode is 1."
    """
    return opcode >= CLOSE


def close_code_name(code: int) -> str:
    """Return the registered name of `code`, else what its range is for (RFC 6455 7.4.2)."""
    if code in CLOSE_CODES:
        return CLOSE_CODES[code]
    if 1000 <= code <= 2999:
        return "Unassigned"
    if 3000 <= code <= 3999:
        return "Library or framework"
    if 4000 <= code <= 4999:
        return "Private use"
    return "Out of range"


def may_be_sent(code: int) -> bool:
    """Return whether `code` is allowed in a Close frame (RFC 6455 7.4.1, 7.4.2).

    Codes 1016 to 2999 belong to the protocol and to extensions of it, and none of
    them is registered; below 1000 and from 5000 there are none.
    """
    if 1000 <= code <= LAST_ASSIGNED:
        return code not in NEVER_SENT
    return 3000 <= code <= 4999


def is_error(code: int) -> bool:
    """Tell whether a Close with this code, which may be sent, says that something went wrong.

    1000 and 1001 do not (RFC 6455 7.4.1), and what 3000 to 4999 mean is for libraries and
    applications to say (7.4.2).
    """
    return may_be_sent(code) and code not in (1000, 1001) and code < 3000


@lru_cache(maxsize=256)
def parse_close(body: bytes, *, is_whole: bool = True) -> CloseBody:
    """Read the unmasked payload of a Close frame; where it is cut, a character may be, too.

    RFC 6455 5.5.1: "If there is a body, the first two bytes of the body MUST be a
    2-byte unsigned integer (in network byte order) representing a status code ...
    Following the 2-byte integer, the body MAY contain UTF-8-encoded data".
    """
    if not body:
        return CloseBody(None, None)
    if len(body) == 1:
        return CloseBody(None, None, (findings.WEBSOCKET_CLOSE_BODY,))
    code = int.from_bytes(body[:2], "big")
    faults = () if may_be_sent(code) else (findings.WEBSOCKET_CLOSE_CODE,)
    try:
        reason = codecs.getincrementaldecoder("utf-8")().decode(body[2:], is_whole)
    except UnicodeDecodeError:
        reason = body[2:].decode(errors="replace")
        faults = (*faults, findings.WEBSOCKET_CLOSE_UTF8)
    return CloseBody(code, reason, faults)
