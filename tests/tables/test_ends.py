"""Cells on how a connection ended: the earlier of TLS's end and WebSocket's."""

from __future__ import annotations

import pytest

from analyzer.columns import NULL
from analyzer.tables.ends import closed_by, end_columns
from analyzer.tls.session import Session, Side, State
from analyzer.websocket.connection import CloseFrame, End, WebSocketConnection
from analyzer.websocket.negotiation import Negotiation

END = End(packet=20, time=200, is_close=False, last=(50, 60), life=(210, 205), shut=(3, 0))


def connection(end=END, **fields):
    made = WebSocketConnection(0, 0, 0, None, Negotiation(), **fields)
    made.ending = end
    return made


def session(packet, time):
    """A session of TLS 1.2 whose server sent an alert, last heard at 30."""
    made = Session(0, 0)
    alert = Side(State.DATA, type=21, length=26, record_packet=packet, record_time=time)
    alert.before_packet, alert.before_time = 3, 30
    alert.heard_packet, alert.heard_time = packet, time
    client = Side(State.DATA, heard_packet=4, heard_time=40, type=23, length=50)
    made.sides = client, alert
    return made


def end_cells(ended, session):
    return tuple(column[0] for column in end_columns([ended], [session]))


def test_cells_of_an_end():
    found = end_cells(connection(), None)
    assert found == (150, 140, 20, NULL, NULL, NULL, NULL, 210, 205, 3, 0)


def test_close_us_is_from_the_first_close_to_the_second():
    closes = [CloseFrame(1000, None, 90, 9), CloseFrame(1000, None, 75, 7)]
    assert end_cells(connection(closes=closes), None)[3] == 15
    assert end_cells(connection(closes=[closes[0], None]), None)[3] == NULL


@pytest.mark.parametrize(("packet", "idle"), [(19, (150, 160)), (21, (150, 140))])
def test_a_close_notify_counts_if_it_came_first(packet, idle):
    assert end_cells(connection(), session(packet, 190))[:2] == idle


def test_in_one_packet_a_close_goes_before_the_close_notify_and_that_before_the_fin():
    closed = connection(END._replace(is_close=True))
    assert end_cells(closed, session(20, 200))[:2] == (150, 140)
    assert end_cells(connection(), session(20, 200))[:2] == (160, 170)


def test_reported_codes():
    made = connection()
    made.reported = (1006, None)
    assert end_cells(made, None)[5:7] == (1006, NULL)


@pytest.mark.parametrize(("packet", "by"), [(19, 1), (20, 1), (21, 0)])
def test_who_sent_close_notify_first_closed(packet, by):
    # The server's alert against the client's FIN in packet 20. In one packet it goes before FIN.
    assert closed_by(connection(closed_by=0), session(packet, 190)) == by


def test_a_close_before_says_more_than_close_notify():
    made = connection(closed_by=0, closes=[CloseFrame(1000, None, 75, 7), None])
    assert closed_by(made, session(19, 190)) == 0


def test_nobody_closed():
    assert closed_by(connection(), None) == -1
    assert closed_by(connection(closed_by=1), None) == 1
