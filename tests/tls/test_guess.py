"""The guess that a session is a WebSocket's: each condition, and what is close to it."""

from __future__ import annotations

import pytest

from analyzer.tls.guess import websocket_guess
from analyzer.tls.hello import ClientHello, ServerHello
from analyzer.tls.session import Session, Side

SECOND = 10**9


def session(
    offered: tuple[str, ...],
    chosen: str | None = None,
    *,
    version: int = 0x0303,
    records: tuple[int, int] = (9, 9),
    size: int = 100,
    lasts: float = 20,
    short: int = 1,
    pushes: int = 0,
) -> Session:
    made = Session(0, 0)
    made.client = ClientHello(version, bytes(32), b"", alpn=offered)
    made.server = ServerHello(version, bytes(32), b"", 0xC02F, chosen)
    made.sides = (
        Side(
            records=records[0],
            record_bytes=records[0] * size,
            short_turns=short,
            first_time=SECOND,
            last_time=SECOND + int(lasts * SECOND),
        ),
        Side(
            records=records[1],
            record_bytes=records[1] * size,
            pushes=pushes,
            first_time=SECOND,
            last_time=SECOND + 1,
        ),
    )
    return made


HTTP = ("http/1.1",)


@pytest.mark.parametrize(
    ("made", "begins"),
    [
        (session(HTTP, "http/1.1", records=(3, 3), lasts=0), "the client offers only"),
        (session(HTTP, None, version=0x0304, records=(4, 3), lasts=0), "the client offers only"),
        (session(()), "it lives long"),
        (session(("h2", "http/1.1"), "http/1.1"), "it lives long"),
        (session(HTTP, "http/1.1", short=0, pushes=2), "the client offers only"),
        # --- close to these
        (session(HTTP, "http/1.1", short=0), None),  # requests and answers
        (session(HTTP, "http/1.1", short=0, pushes=1), None),  # and one that came in two parts
        (session(HTTP, "http/1.1", records=(1, 1)), None),  # a request and its answer
        (session(HTTP, "http/1.1", records=(2, 40)), None),  # two pages
        (session(HTTP, None, version=0x0304, records=(3, 3)), None),  # one is its Finished
        (session(HTTP, None, version=0x0304, records=(1, 3)), None),  # only its Finished
        (session(HTTP, "http/1.1", records=(1, 0)), None),  # not answered
        (session(("h2", "http/1.1"), "h2"), None),
        (session(("h2", "http/1.1"), None, version=0x0304), None),  # what was chosen is hidden
        (session(("http/1.1", "http/1.0"), None, lasts=5), None),
        (session((), lasts=9), None),
        (session((), records=(7, 100)), None),
        (session((), size=1501), None),
        (session(("mqtt",), "mqtt"), None),
    ],
)
def test_rules(made, begins):
    found = websocket_guess(made, 443)
    assert found is None if begins is None else found is not None and found.startswith(begins)


def test_other_protocols_by_their_ports():
    assert websocket_guess(session(HTTP), 8883) is None  # MQTT
    assert websocket_guess(session(HTTP), 8443) is not None


def test_no_guess_without_both_hellos():
    made = session(HTTP)
    made.server = None
    assert websocket_guess(made, 443) is None
    made = session(HTTP)
    made.client = None
    assert websocket_guess(made, 443) is None
