"""Late messages by cause."""

from __future__ import annotations

from oracle.diagnosed import MS, S, connection, diagnoses
from oracle.rows import Row

from analyzer.diagnosis import causes
from analyzer.diagnosis.lateness import cause_of


def message(number: int, direction: str = "server", connection: int = 0, **held: int) -> Row:
    row = {"connection": connection, "message": number, "direction": direction}
    packets = {"packet_first": 100 + number, "packet_last": 101 + number}
    return {**row, **packets, "time_first": number * S, "time_last": number * S, **held}


def test_loss_at_the_receiver_and_at_the_sender() -> None:
    rows = [message(1, stall_us=200 * MS), message(2, resent_us=30 * MS), message(3, stall_us=MS)]
    found = diagnoses(messages=rows)["late-by-loss"]
    assert found.seconds == 230 * MS
    assert found.evidence["messages"] == 2
    assert found.evidence["worst_message"] == [0, 1]
    assert "packet 102" in found.text
    assert "2 messages of the server waited 230 ms" in found.text


def test_reader_that_lags() -> None:
    rows = [message(n, window_us=3 * S) for n in range(3)]
    found = diagnoses(messages=rows)["slow-reader"]
    assert (found.seconds, found.connections) == (9 * S, 1)
    assert "the client's window was closed" in found.text


def test_nagle_is_a_pattern_only_if_repeated() -> None:
    rows = [message(n, nagle_us=40 * MS) for n in range(20)]
    found = diagnoses(messages=rows)["nagle-delayed-ack"]
    assert (found.evidence["messages"], found.seconds) == (20, 800 * MS)
    assert "delayed ACKs (Nagle)" in found.text
    assert "nagle-delayed-ack" not in diagnoses(messages=rows[:2])


def test_what_is_not_late() -> None:
    rows = [message(n, stall_us=19 * MS, window_us=0, nagle_us=0, resent_us=0) for n in range(9)]
    assert diagnoses(messages=rows) == {}


def test_what_was_never_acknowledged_was_not_late() -> None:
    rows = [message(1, resent_us=900 * MS)]
    assert "late-by-loss" in diagnoses(messages=rows, connections=[connection(0)])
    gone = connection(0, close_kind="timeout", closed_by=None)
    assert "late-by-loss" not in diagnoses(messages=rows, connections=[gone])


def test_senders_and_connections_apart() -> None:
    rows = [message(1, "client", 0, stall_us=50 * MS), message(1, "client", 3, stall_us=90 * MS)]
    found = diagnoses(messages=rows)["late-by-loss"]
    assert (found.connections, found.connection) == (2, 0)
    assert found.evidence["worst_message"] == [3, 1]
    assert "on 2 connections" in found.text


def test_cause_of_a_message() -> None:
    assert cause_of([("stall_us", 5), ("window_us", 9)]) is causes.SLOW_READER
    assert cause_of([("stall_us", 0)]) is None
    assert cause_of([]) is None
