"""Close frames: what their bodies say, seen for the first time and again."""

import pytest
from oracle.stages import close

from analyzer.websocket.closes import Closes
from analyzer.websocket.connection import CloseFrame, WebSocketConnection
from analyzer.websocket.negotiation import Negotiation

FRAME = (7, 900, 3, 0)


def taken(closes, payload, frame=FRAME, connection=None):
    """Take a Close; return how it is noted, and the findings' ids and details."""
    connection = connection or WebSocketConnection(0, 2, 1, None, Negotiation.unknown())
    found = closes.take(connection, frame, payload)
    assert all((each.slot, each.packet, each.frame) == (2, 7, 3) for each in found)
    assert all(each.direction == (5 if frame[3] == 0 else 4) for each in found)
    return connection.closes[frame[3]], [(each.kind.id, each.detail) for each in found]


@pytest.mark.parametrize(
    ("payload", "said", "found"),
    [
        (close(1000), (1000, "", True), []),
        (close(1000) + b"bye", (1000, "bye", True), []),
        (b"", (None, None, True), []),
        (None, (None, None, False), []),
        (close(1011), (1011, "", True), [("websocket-close-error", "1011 (Internal Error)")]),
        (b"\x03", (None, None, False), [("websocket-close-body", "")]),
        (close(1005), (1005, "", False), [("websocket-close-code", "1005")]),
        (close(1000) + b"\xff", (1000, "\ufffd", False), [("websocket-close-utf8", "1000")]),
        (close(1000) + b"x" * 200, (1000, "x" * 200, True), []),
    ],
)
def test_a_body_says_the_same_again(payload, said, found):
    closes = Closes()
    code, reason, known = said
    for _ in range(2):
        noted = CloseFrame(code, reason, 900, 7, 3, known)
        assert taken(closes, payload) == (noted, found)


def test_the_first_close_of_a_side_counts():
    closes = Closes()
    connection = WebSocketConnection(0, 2, 1, None, Negotiation.unknown())
    first, _ = taken(closes, close(1000), connection=connection)
    assert taken(closes, close(1011), connection=connection) == (first, [])
    # The other side answers an error that was none of its own: only the first says what went wrong.
    answer, found = taken(closes, close(1011), (*FRAME[:3], 1), connection)
    assert (answer.code, found) == (1011, [])
