"""The codes that both ends report, from whole conversations; the rest stands in test_stage."""

from __future__ import annotations

import numpy as np
import pytest
from oracle.stages import CLIENT, CLOSE, SERVER, TEXT, client, close, handshake, server, talk

from analyzer.columns import NULL
from analyzer.tcp.bytestream import CONNECTION, Connection
from analyzer.websocket import endings
from analyzer.websocket.connection import CloseFrame, WebSocketConnection
from analyzer.websocket.control_acks import ControlAcks
from analyzer.websocket.frames import HEADER, SEEK, WALK
from analyzer.websocket.negotiation import Negotiation

TALK = [*handshake(), client(TEXT, b"one"), server(TEXT, b"two"), (CLIENT, "ack"), (SERVER, "ack")]
FIN = {"fin_side": SERVER}


def reported(conversation, **fields):
    return talk([*TALK, *conversation], **fields).only().reported


@pytest.fixture(autouse=True)
def packets(monkeypatch):
    """Packets are counted by the tcp stage, which conversations made by hand do without."""
    whole = endings.reported

    def counted(connection, stream, tcp, modes, acks):
        stream.directions["packets"] = 1
        stream._counts.clear()  # read before
        return whole(connection, stream, tcp, modes, acks)

    monkeypatch.setattr(endings, "reported", counted)


def test_a_closing_handshake():
    steps = [server(CLOSE, close(1001)), client(CLOSE, close(1001)), (SERVER, "ack")]
    assert reported(steps, **FIN) == (1001, 1001)


def test_each_end_reports_what_the_other_sent():
    steps = [server(CLOSE, close(1011)), client(CLOSE, close(1000)), (SERVER, "ack")]
    assert reported(steps, **FIN) == (1011, 1000)


def test_a_close_without_a_code():
    assert reported([server(CLOSE), client(CLOSE), (SERVER, "ack")], **FIN) == (1005, 1005)


def test_no_close_at_all():
    assert reported([(SERVER, "fin")], **FIN) == (1006, 1006)


def test_a_close_that_was_acknowledged_and_never_answered():
    assert reported([server(CLOSE, close(4000)), (CLIENT, "ack")], **FIN) == (4000, 1006)


def test_a_close_overtaken_by_a_reset():
    steps = [server(CLOSE, close(1009)), (SERVER, "rst")]
    assert reported(steps, reset_side=SERVER) == (1006, 1006)


def test_still_open():
    assert reported([]) == (None, None)


def test_bytes_that_were_not_captured_may_hold_the_close():
    assert reported([(SERVER, 20), (SERVER, "fin")], **FIN) == (None, 1006)


def test_who_closed_first_is_not_known_where_the_other_close_may_be_lost():
    """RFC 6455 5.5.1: a Close is answered by a Close, so the one that was captured may be it."""
    told = talk([*TALK, (CLIENT, 8), server(CLOSE, close(1001)), (SERVER, "fin")], **FIN)
    assert (told.only().closed_by, told.only().close_kind) == (None, "fin")
    assert "websocket-close-abnormal" not in told.ids()
    # Frames behind the gap were read: a Close would be among them.
    after = [(CLIENT, 8), client(TEXT, b"a"), client(TEXT, b"b"), client(TEXT, b"c")]
    told = talk([*TALK, *after, server(CLOSE, close(1001)), (SERVER, "fin")], **FIN)
    assert told.only().closed_by == SERVER
    assert "websocket-close-abnormal" in told.ids()


def walk(**fields):
    """Return the row of a direction that ended with a Close of either."""
    row = np.zeros(1, WALK)
    usual = {"end_packet": 9, "end_time": 90, "quiet_time": 40, "ended_by_close": 1}
    usual |= {"life_time": 95, "shut_total": 7, "shut_since": NULL}
    for name, value in (usual | fields).items():
        row[name] = value
    return row


def test_the_first_of_close_fin_and_rst():
    (end,) = endings.ends(walk(), walk(quiet_time=NULL, life_time=99))
    assert (end.packet, end.time, end.is_close) == (9, 90, True)
    assert (end.last, end.life) == ((40, NULL), (95, 99))
    assert end.shut == (7, 7)


@pytest.mark.parametrize(
    ("fields", "shut"),
    [
        ({}, 7 + 90 - 60),
        ({"end_packet": 0, "end_time": NULL}, 7 + 95 - 60),
        ({"life_time": NULL}, NULL),
        # Longer than a column can say, which is for the tables to shorten.
        ({"end_time": 2**63 - 1, "shut_since": -(2**62)}, 7 + 2**63 - 1 + 2**62),
    ],
)
def test_a_window_that_stays_closed_is_closed_to_the_end(fields, shut):
    server_end = walk(quiet_time=NULL, shut_total=0)
    (end,) = endings.ends(walk(**({"shut_since": 60} | fields)), server_end)
    assert end.shut == (shut, 0)


def test_the_first_data_frame_is_that_of_either_side():
    times = [(5, 9), (9, 5), (NULL, 7), (7, NULL), (NULL, NULL)]
    sides = [
        np.concatenate([walk(first_data_time=time) for time in each])
        for each in zip(*times, strict=True)
    ]
    assert endings.first_data(*sides) == [5, 5, 7, 7, NULL]


def test_a_header_that_is_not_whole_is_not_parsed():
    rows = np.concatenate([walk(mode=mode, have=3, unparsed_bytes=10) for mode in (HEADER, SEEK)])
    assert [each.unparsed_bytes for each in endings.totals(rows)] == [13, 10]


@pytest.mark.parametrize("fin_time", [NULL, 0, 10, 14, 15, 20, 21, 30])
@pytest.mark.parametrize("times", [(10, 20), (20, 10), (15, 15)])
@pytest.mark.parametrize("by", [CLIENT, SERVER])
def test_the_usual_end_is_that_of_the_lifecycle(monkeypatch, fin_time, times, by):
    """Close in both directions, then FIN or nothing."""
    tcp = Connection._make(np.zeros((), CONNECTION).tolist())
    is_over = fin_time != NULL
    tcp = tcp._replace(fin_side=by if is_over else -1, fin_time=fin_time, reset_side=-1)

    def ended(closed_time):
        connection = WebSocketConnection(0, 0, 0, None, Negotiation.unknown())
        connection.closes[:] = [CloseFrame(1000, "", time, 5, 1) for time in times]
        found = endings.close(connection, tcp._replace(closed_time=closed_time), ControlAcks(2))
        facts = (connection.state, connection.closed_by, connection.closed_at)
        return facts, [each.kind.id for each in found]

    for closed_time in (NULL, 40) if is_over else (NULL,):
        quick = ended(closed_time)
        with monkeypatch.context() as patched:
            patched.setattr(endings, "_is_usual", lambda *_: False)
            assert ended(closed_time) == quick
