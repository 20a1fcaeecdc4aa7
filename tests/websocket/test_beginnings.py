"""What is known of a connection before its first frame."""

import pytest
from oracle.stages import SERVER, handshake, talk

from analyzer.columns import NULL, empty
from analyzer.tcp.bytestream import CONNECTION, Connection
from analyzer.websocket.beginnings import last_of_handshake, round_trip
from analyzer.websocket.frames import CLIENT


def tcp(**fields):
    row = empty(CONNECTION, 1)[0]
    row["syn_time"], row["synack_time"], row["established_time"] = 100, 130, 135
    for name, value in fields.items():
        row[name] = value
    return Connection._make(row.tolist())


def test_round_trips_are_those_of_the_handshake():
    assert (round_trip(tcp(), 1), round_trip(tcp(), 0)) == (30, 5)


@pytest.mark.parametrize("fields", [{"synack_time": NULL}, {"syn_retries": 1}, {"synack_time": 90}])
def test_a_round_trip_that_nobody_can_tell(fields):
    assert round_trip(tcp(**fields), 1) == NULL


def test_without_the_last_ack_the_way_to_the_client_is_not_known():
    assert round_trip(tcp(established_time=NULL), 0) == NULL


def test_the_last_bytes_of_the_handshake():
    made = talk(handshake()).opened[0].handshake
    assert last_of_handshake(made, CLIENT)[0] == 1
    assert last_of_handshake(made, SERVER) == (2, made.response_last_time)
