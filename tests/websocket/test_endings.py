"""The codes that both ends report, from whole conversations; the rest stands in test_stage."""

from __future__ import annotations

import pytest
from oracle.stages import CLIENT, CLOSE, SERVER, TEXT, client, close, handshake, server, talk

from analyzer.columns import NULL
from analyzer.websocket import endings
from analyzer.websocket.frames import Ending

TALK = [*handshake(), client(TEXT, b"one"), server(TEXT, b"two"), (CLIENT, "ack"), (SERVER, "ack")]
FIN = {"fin_side": SERVER}


def reported(conversation, **fields):
    return talk([*TALK, *conversation], **fields).only().reported


@pytest.fixture(autouse=True)
def packets(monkeypatch):
    """Packets are counted by the tcp stage, which conversations made by hand do without."""
    whole = endings.reported

    def counted(connection, stream, tcp, ends, acks):
        stream.directions["packets"] = 1
        stream._counts.clear()  # read before
        return whole(connection, stream, tcp, ends, acks)

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


NONE = Ending(**dict.fromkeys(Ending._fields, 0))
ENDED = NONE._replace(
    end_packet=9, end_time=90, quiet_time=40, ended_by_close=1, life_time=95, shut_total=7
)


def test_the_first_of_close_fin_and_rst():
    client_end = ENDED._replace(shut_since=NULL)
    server_end = client_end._replace(quiet_time=NULL, life_time=99)
    end = endings.ending([client_end, server_end])
    assert (end.packet, end.time, end.is_close) == (9, 90, True)
    assert (end.last, end.life) == ((40, NULL), (95, 99))
    assert end.shut == (7, 7)


def test_a_window_that_stays_closed_is_closed_to_the_end():
    client_end = ENDED._replace(shut_since=60)
    server_end = client_end._replace(shut_total=0, shut_since=NULL)
    assert endings.ending([client_end, server_end]).shut == (7 + 90 - 60, 0)
    still_open = client_end._replace(end_packet=0, end_time=NULL)
    assert endings.ending([still_open, server_end]).shut == (7 + 95 - 60, 0)
    unheard = client_end._replace(life_time=NULL)
    assert endings.ending([unheard, server_end]).shut == (NULL, 0)
