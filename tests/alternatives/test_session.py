"""One session: what is counted of its exchanges."""

import numpy as np
import pytest
from oracle.compared import MS

from analyzer.alternatives.packets import WIRE
from analyzer.alternatives.session import (
    Session,
    bodies_row,
    count,
    note_delay,
    payload_sent,
    turnaround,
)
from analyzer.columns import NULL, empty
from analyzer.http.exchanges import Exchange
from analyzer.options import Options
from analyzer.tcp.bytestream import CONNECTION, Connection

NO_CONNECTION = Connection._make(empty(CONNECTION, 1)[0].tolist())


def long_poll(asked, answered, before=NULL, **more):
    times = {"request_first_time": asked * MS, "response_first_time": answered * MS}
    times["previous_answer"] = before if before == NULL else before * MS
    return Exchange(0, 0, 0, kind="long-poll", messages=1, **times, **more)


def again(*pauses, trip=(NULL, NULL)):
    """The turnaround of a client that asks again so many ms after each answer."""
    tcp = NO_CONNECTION._replace(synack_time=trip[0], established_time=trip[1])
    first = long_poll(0, 100, tcp=tcp)
    session, at = Session(0, first, "long-poll"), 100
    note_delay(session, first)
    for pause in pauses:
        note_delay(session, long_poll(at + pause, at + pause + 500, before=at))
        at += pause + 500
    return turnaround(session)


def test_how_long_a_client_takes_to_ask_again_is_the_median():
    assert again(3, 4, 9) == 4 * MS
    # Between the point of capture and the client lies a part of the round trip.
    assert again(43, 44, 49, trip=(1000 * MS, 1040 * MS)) == 4 * MS
    assert again(3, trip=(0, 40 * MS)) == 0


def test_a_pause_is_no_turnaround():
    assert again() == MS
    assert again(2000, 3000) == MS
    assert again(2000, 6) == 6 * MS


def test_a_held_stream_was_late():
    session = Session(0, Exchange(0, 0, 0), "sse")
    note_delay(session, Exchange(0, 0, 0, kind="sse", messages=9, held_total=700 * MS))
    assert session.delay == 700 * MS


@pytest.mark.parametrize(("coded", "sent"), [(True, 120), (False, 500)])
def test_coded_payload_takes_less(coded, sent):
    found = Exchange(0, 0, 0, message_bytes=500, response_body_bytes=120, coded=coded)
    assert payload_sent(found) == sent


def test_bodies():
    session = Session(0, Exchange(0, 0, 0), "poll")
    for body, text in ((100, b"a"), (0, None), (2000, b"b")):
        found = Exchange(0, 0, 0, response_header_bytes=200, response_body_bytes=body, body=text)
        count(session, found, Options())
    wire = np.zeros(1, WIRE)
    wire["mss"] = 1000
    (row,) = bodies_row(session, wire)
    # 300 bytes take a packet, 2,200 three.
    assert (row["answers"], row["bytes"], row["heads"], row["packets"]) == (2, 2100, 400, 4)
    assert session.bodies == [b"a", b"b"]
