"""Windows that were closed: for how long, what waited, what was given up."""

from __future__ import annotations

from oracle.diagnosed import MS, S, connection, diagnoses
from oracle.rows import Row


def shut(number: int, closed: float, *, life: float = 60.0, **more: object) -> Row:
    row = connection(number, life=life, closed_by="server", close_kind="reset", end_packet=90)
    row |= {"client_window_closed_s": round(closed * S), "server_window_closed_s": 0}
    return {**row, "client_idle_s": 50 * S, "server_idle_s": 40 * S, **more}


def late(number: int, wait: int) -> Row:
    row = {"connection": 0, "message": number, "direction": "server", "window_us": wait}
    return {**row, "packet_first": 20 + number, "packet_last": 20 + number}


def test_sender_that_gave_up() -> None:
    zero = {"id": "tcp-zero-window", "severity": "warning", "connection": 0, "packet": 17}
    zero |= {"direction": "client", "text": "The receiver closed its window.", "count": 1}
    found = diagnoses(connections=[shut(0, 39.9)], findings=[zero])["slow-reader"]
    assert (found.packet, found.seconds, found.ended) == (17, round(39.9 * S), 1)
    assert found.evidence["packets"] == [17, 90]
    assert "The client did not read: window closed for 39.9 s on connection 0" in found.text
    assert "The server gave up 1 connection, 1 with RST" in found.text


def test_messages_and_windows_of_several_connections() -> None:
    rows = [shut(0, 9.0), shut(1, 20.0), shut(2, 0.5)]
    held = [late(number, 3 * S) for number in range(3)]
    found = diagnoses(connections=rows, messages=held)["slow-reader"]
    assert (found.connections, found.ended, found.seconds) == (2, 0, 29 * S)
    assert "for 29.0 s on 2 connections, 20.0 s on connection 1" in found.text
    assert "3 messages of the server waited, the worst" in found.text


def test_server_that_did_not_read() -> None:
    row = shut(0, 0, server_window_closed_s=30 * S, client_window_closed_s=0)
    found = diagnoses(connections=[row])["slow-reader"]
    assert "The server did not read: window closed for 30.0 s" in found.text
    # Its silence is the client's; the server itself ended it.
    assert found.ended == 0


def test_of_an_open_connection_its_last_packet_counts() -> None:
    row = shut(0, 5.0, close_kind="open", closed_by=None, duration_s=None, closed_at=None)
    row |= {"client_idle_s": None, "server_idle_s": None}
    last = {"client_last_at": row["opened_at"] + 20 * S, "server_last_at": row["opened_at"]}
    assert "slow-reader" in diagnoses(connections=[{**row, **last}])
    last["server_last_at"] = row["opened_at"] + 3600 * S
    assert diagnoses(connections=[{**row, **last}]) == {}


def test_windows_that_flow_control_closes() -> None:
    # Half a second in all; or 5 s of an hour, in which the server went on sending.
    assert diagnoses(connections=[shut(0, 0.9)]) == {}
    assert diagnoses(connections=[shut(0, 5.0, life=3600)]) == {}
    assert diagnoses(messages=[late(0, 19 * MS)]) == {}
