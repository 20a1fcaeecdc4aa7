"""How a TLS session ended, and the silence before, from records in the clear."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import tls
from oracle.chunks import Stream

from analyzer.columns import NULL
from analyzer.tcp.bytestream import FIN, RESET
from analyzer.tls._records import RecordWalk
from analyzer.tls.ending import session_end
from analyzer.tls.hello import parse_server_hello
from analyzer.tls.records import WALK
from analyzer.tls.session import CLIENT, SERVER, Session, Side, State

MILLISECOND = 1_000_000
CLOSE_1_2 = tls.record(21, bytes(26))
"""An encrypted alert of TLS 1.2: explicit nonce, alert, tag."""
CLOSE_1_3 = tls.record(23, bytes(19))
"""RFC 8446 5.2: alert (2 bytes), content type, tag of 16 bytes."""


def ended(steps, version=12, size=None):
    """Return how a session ends of which each step is a packet, 1 ms apart, from 1."""
    stream = Stream()
    turns = tls.hellos_1_2() if version == 12 else tls.hellos_1_3()
    for side, what in [*turns, *steps]:
        if isinstance(what, int):
            stream.put(side, what)
        else:
            stream.data(side, what)
    walk = RecordWalk(1 << 16)
    walk.reserve(2)
    for rows, records in stream.batches(size):
        walk.walk(rows, records.data)
    session = Session(0, CLIENT)
    hello = next(what for side, what in turns if side == SERVER)
    session.server = parse_server_hello(hello[9 : 9 + int.from_bytes(hello[6:9], "big")])
    sides = []
    for row in walk.take(np.asarray([0, 1])).tolist():
        known = dict(zip(WALK.names, row, strict=True))
        state = State(known["state"])
        names = (name for name in Side.__slots__ if name != "state")
        sides.append(Side(state, **{name: known[name] for name in names}))
    session.sides = sides[0], sides[1]
    return session_end(session), len(turns)


DATA = [(CLIENT, tls.data(30)), (SERVER, tls.data(30))]


@pytest.mark.parametrize("kind", [FIN, RESET])
@pytest.mark.parametrize("size", [None, 1])
def test_tcp_ends_it(kind, size):
    end, begun = ended([*DATA, (SERVER, kind), (CLIENT, kind)], size=size)
    assert (end.packet, end.by) == (begun + 3, SERVER)
    assert end.last == ((begun + 1) * MILLISECOND, (begun + 2) * MILLISECOND)


def test_an_alert_of_tls_1_2_comes_before_the_fin():
    end, begun = ended([*DATA, (CLIENT, CLOSE_1_2), (CLIENT, FIN)])
    assert (end.packet, end.by, end.time) == (begun + 3, CLIENT, (begun + 3) * MILLISECOND)
    assert end.last == ((begun + 1) * MILLISECOND, (begun + 2) * MILLISECOND)


def test_of_two_alerts_the_first_is_the_end():
    end, begun = ended([*DATA, (CLIENT, CLOSE_1_2), (SERVER, CLOSE_1_2), (SERVER, FIN)])
    assert (end.packet, end.by) == (begun + 3, CLIENT)
    assert end.last == ((begun + 1) * MILLISECOND, (begun + 2) * MILLISECOND)


def test_an_alert_behind_which_data_comes_is_no_end():
    end, begun = ended([(SERVER, CLOSE_1_2), *DATA, (SERVER, FIN)])
    assert (end.packet, end.last[SERVER]) == (begun + 4, (begun + 3) * MILLISECOND)


def test_an_alert_in_the_segment_of_data_had_no_silence_before():
    end, begun = ended([*DATA, (SERVER, tls.data(30) + CLOSE_1_2)])
    assert end.last == ((begun + 1) * MILLISECOND, (begun + 3) * MILLISECOND)


def test_tls_1_3_hides_the_alert_but_not_its_length():
    end, begun = ended([*DATA, (SERVER, CLOSE_1_3), (SERVER, FIN)], version=13)
    assert (end.packet, end.by) == (begun + 3, SERVER)
    assert end.last == ((begun + 1) * MILLISECOND, (begun + 2) * MILLISECOND)


def test_a_record_of_another_length_is_data():
    end, begun = ended([*DATA, (SERVER, tls.record(23, bytes(21))), (SERVER, FIN)], version=13)
    assert (end.packet, end.last[SERVER]) == (begun + 4, (begun + 3) * MILLISECOND)


def test_a_short_record_long_before_the_fin_is_data():
    waits = [(CLIENT, tls.data(30))] * 1500  # 1.5 s
    end, begun = ended([(SERVER, CLOSE_1_3), *waits, (SERVER, FIN)], version=13)
    assert (end.packet, end.last[SERVER]) == (begun + 1502, (begun + 1) * MILLISECOND)


def test_open_to_the_end_of_the_capture():
    end, _ = ended(DATA)
    assert (end.packet, end.time, end.by, end.last) == (0, NULL, -1, (NULL, NULL))


def test_silence_behind_lost_bytes_is_not_known():
    stream = Stream()
    stream.data(0, tls.record(22, bytes(10)))
    stream.lost(0, 7)
    stream.put(1, FIN)
    walk = RecordWalk(1 << 16)
    walk.reserve(2)
    for rows, records in stream.batches():
        walk.walk(rows, records.data)
    assert walk.take(np.asarray([0]))[0]["quiet_time"] == NULL
