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


def test_the_first_of_close_fin_and_rst():
    none = Ending(**dict.fromkeys(Ending._fields, 0))
    client_end = none._replace(
        end_packet=9, end_time=90, quiet_time=40, ended_by_close=1, life_time=95
    )
    server_end = client_end._replace(quiet_time=NULL, life_time=99)
    end = endings.ending([client_end, server_end])
    assert (end.packet, end.time, end.is_close) == (9, 90, True)
    assert (end.last, end.life) == ((40, NULL), (95, 99))
