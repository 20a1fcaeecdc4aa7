"""Connections closed unused, and clients that come again and again."""

from __future__ import annotations

import pytest
from oracle.diagnosed import MS, START, S, connection, diagnoses
from oracle.rows import Row

UNUSED = {"client_frames": 0, "server_frames": 0, "closed_by": "client", "end_packet": 9}


def handshake(number: int, **more: object) -> Row:
    row = {
        **{"handshake": number, "connection": number, "tcp_stream": number, "host": "h.test"},
        **{"client_ip": "10.0.0.1", "server_ip": "10.0.0.9", "server_port": 80, "path": "/ws"},
        **{"outcome": "accepted", "started_at": START + number * S, "total_us": 2_000_000},
        **{"status": 101, "request_packet": 4, "response_packet": 6, "key": "k"},
    }
    return {**row, **more}


def test_subprotocol_not_chosen() -> None:
    found = diagnoses(
        connections=[connection(0, life=0.01, **UNUSED)],
        handshakes=[handshake(0, subprotocols_offered="mqtt")],
    )["closed-unused"]
    assert (found.connections, found.packet) == (1, 9)
    assert "chose none" in found.text


def test_unexplained_only_if_there_are_several() -> None:
    rows = [connection(n, life=0.01, **UNUSED) for n in range(3)]
    found = diagnoses(connections=rows)["closed-unused"]
    assert found.connections == 3
    assert found.evidence["reason"] is None
    assert "closed-unused" not in diagnoses(connections=rows[:2])


@pytest.mark.parametrize(
    "other",
    [{"client_frames": 1}, {"closed_at": START + 60 * S, "duration_s": 60 * S},
     {"close_kind": "open"}, {"handshake_seen": False}, {"lost_bytes": 8}],
)  # fmt: skip
def test_used_or_not_seen(other: Row) -> None:
    rows = [{**connection(n, life=0.01, **UNUSED), **other} for n in range(5)]
    assert "closed-unused" not in diagnoses(connections=rows)


# --- storms

THROWN = {"close_kind": "clean", "close_code": 1008, "close_reason": "token expired"}


def visits(count: int, **more: object) -> list[Row]:
    ends = {**THROWN, "life": 0.04, "end_packet": 10, **more}
    return [connection(n, opened=1.05 * n, **ends) for n in range(count)]  # type: ignore[arg-type]


def test_storm_names_how_often_and_why() -> None:
    found = diagnoses(connections=visits(40))["reconnect-storm"]
    assert (found.connections, found.ended, found.connection) == (40, 40, 0)
    assert 'Close 1008 "token expired" by the server' in found.text
    assert "40 times" in found.text
    assert found.evidence["every_s"] == 1.05


def test_refused_again_and_again() -> None:
    rows = [handshake(n, connection=None, outcome="refused", status=403) for n in range(8)]
    found = diagnoses(handshakes=rows)["reconnect-storm"]
    assert found.connections == 8
    assert "answer 403" in found.text


def test_who_was_silent_before_the_end_was_not_thrown_out() -> None:
    idle = {"close_kind": "fin", "life": 3.5, "client_idle_s": 3 * S, "server_idle_s": 3 * S}
    rows = [connection(n, opened=5.0 * n, **idle) for n in range(8)]  # type: ignore[arg-type]
    assert "reconnect-storm" not in diagnoses(connections=rows)
    for row in rows:
        row["client_idle_s"] = 10 * MS
    assert "reconnect-storm" in diagnoses(connections=rows)


def test_no_storm() -> None:
    assert "reconnect-storm" not in diagnoses(connections=visits(4))
    # Done with its work each time.
    assert "reconnect-storm" not in diagnoses(connections=visits(40, close_code=1000))
    assert "reconnect-storm" not in diagnoses(connections=visits(40, close_code=None))
    assert "reconnect-storm" not in diagnoses(connections=visits(40, closed_by="client"))
    # Long lives; long waits; many programs at one address at once.
    assert "reconnect-storm" not in diagnoses(connections=visits(40, life=300.0))
    apart = [{**row, "opened_at": row["opened_at"] + n * 90 * S, "closed_at": row["closed_at"]
              + n * 90 * S} for n, row in enumerate(visits(40))]  # fmt: skip
    assert "reconnect-storm" not in diagnoses(connections=apart)
    assert "reconnect-storm" not in diagnoses(connections=visits(40, life=20.0))
    others = [{**row, "client_ip": f"10.0.1.{n}"} for n, row in enumerate(visits(40))]
    assert "reconnect-storm" not in diagnoses(connections=others)


def test_a_client_that_an_idle_timeout_ends_each_time_is_no_storm() -> None:
    """The client spoke shortly before, and the server had been silent for 6 s each time."""
    silences = {"server_idle_s": 6 * S, "client_idle_s": 1 * S, "end_packet": 9}
    rows = [connection(n, opened=20.0 * n, life=8.0 + 0.3 * n, **silences) for n in range(8)]
    for n, row in enumerate(rows):
        row["client_idle_s"] = round((0.2 + 0.2 * n) * S)
    found = diagnoses(connections=rows)
    assert found["idle-timeout"].connections == 8
    assert "reconnect-storm" not in found
    # Thrown out after silences that are not alike.
    for n, row in enumerate(rows):
        row["server_idle_s"] = round((0.3 + 0.7 * n) * S)
    assert diagnoses(connections=rows)["reconnect-storm"].connections == 8
