"""Vanished peers, hung programs, Closes that nobody read, resets of others."""

from __future__ import annotations

from oracle.diagnosed import MS, START, S, connection, diagnoses
from oracle.rows import Row

GONE = {"close_kind": "timeout", "closed_by": None, "end_packet": 46}


def again(direction: str | None, connection: int = 0) -> Row:
    row = {"id": "tcp-retransmissions", "severity": "note", "text": "9 segments.", "count": 9}
    return {**row, "connection": connection, "packet": 29, "direction": direction}


def ping(frame: int, side: str = "server", connection: int = 0, **more: object) -> Row:
    row = {"connection": connection, "direction": side, "ping_frame": frame}
    return {**row, "sent_at": START + 60 * S, **more}


def control(frame: int, opcode: str, side: str, at: float, **more: object) -> Row:
    row = {"connection": 0, "frame": frame, "opcode": opcode, "direction": side}
    time = START + round(at * S)
    packets = {"packet_first": 10 + frame, "packet_last": 10 + frame}
    return {**row, **packets, "time_first": time, "time_last": time, **more}


# --- vanished


def test_client_vanished_and_came_back() -> None:
    rows = [
        connection(0, life=222, **GONE),
        connection(1, opened=200, life=22, close_kind="open", closed_by=None),
    ]
    frames = [control(1, "pong", "client", 100), control(2, "ping", "server", 120)]
    found = diagnoses(connections=rows, findings=[again("server")], frames=frames)["peer-vanished"]
    assert (found.connections, found.connection, found.packet) == (1, 0, 11)
    assert found.evidence["vanished"] == "client"
    assert found.evidence["silent_s"] == [122.0]
    assert found.evidence["back_in_connections"] == [1]
    assert found.evidence["back_after_s"] == [100.0]
    assert "The client vanished" in found.text


def test_server_vanished() -> None:
    rows = [connection(0, life=60, **GONE)]
    found = diagnoses(connections=rows, pings=[ping(3, "client")])["peer-vanished"]
    assert found.evidence["vanished"] == "server"
    assert found.evidence["back_after_s"] == []
    # Told by the last frames alone.
    frames = [control(1, "pong", "server", 10), control(2, "ping", "client", 20)]
    found = diagnoses(connections=rows, frames=frames, findings=[again(None)])["peer-vanished"]
    assert found.evidence["vanished"] == "server"
    assert found.seconds == 50 * S


def test_nothing_vanished() -> None:
    # Silent at the end, and nothing waits for an answer: let go by max_idle_s, say.
    rows = [connection(0, client_idle_s=60 * S, server_idle_s=60 * S, **GONE)]
    assert "peer-vanished" not in diagnoses(connections=rows)
    # Sent again, but ended in the open.
    rows = [connection(0, client_idle_s=60 * S, server_idle_s=1 * S)]
    assert "peer-vanished" not in diagnoses(connections=rows, findings=[again("server")])


# --- pings


def hung(acked: int | None, wait: float = 20.0) -> dict[str, list[Row]]:
    row = connection(0, life=90, close_kind="reset", close_code=1011, end_packet=30)
    row["close_reason"] = "keepalive ping timeout"
    frames = [
        control(5, "ping", "server", 60),
        control(6, "close", "server", 60 + wait, close_code=1011),
    ]
    return {"connections": [row], "frames": frames, "pings": [ping(5, acked_us=acked)]}


def test_program_that_hangs() -> None:
    found = diagnoses(**hung(300_000))["ping-unanswered"]
    assert (found.connection, found.packet, found.seconds) == (0, 15, 20 * S)
    assert found.evidence["acknowledged"] is True
    assert found.evidence["close_reasons"] == ["keepalive ping timeout"]
    assert "with 1011" in found.text
    assert "program of the client hangs" in found.text


def test_path_that_is_gone() -> None:
    found = diagnoses(**hung(None))["ping-unanswered"]
    assert found.evidence["acknowledged"] is False
    assert "path to the client is gone" in found.text


def test_programs_that_do_not_hang_though_they_answer_no_ping() -> None:
    # It went on sending: whatever reads its connection does not.
    tables = hung(300_000)
    tables["frames"].insert(1, control(7, "text", "client", 70))
    found = diagnoses(**tables)["ping-unanswered"]
    assert "client sends, but does not read" in found.text
    # What was on its way before the Ping came says nothing.
    tables = hung(300_000)
    tables["frames"].insert(1, control(7, "text", "client", 60.0002))
    assert "hangs" in diagnoses(**tables)["ping-unanswered"].text
    # It answered the Close: the sender of the Ping may just have been done with it.
    tables = hung(300_000)
    tables["frames"].append(control(8, "close", "client", 80.1))
    assert "does not answer pings" in diagnoses(**tables)["ping-unanswered"].text
    tables["frames"][1]["close_code"] = 1000
    assert "ping-unanswered" not in diagnoses(**tables)


def test_pings_that_need_no_answer() -> None:
    # Closed at once behind it.
    assert "ping-unanswered" not in diagnoses(**hung(300_000, wait=0.2))
    # A later ping was answered: "for only the most recently processed Ping" (5.5.3).
    tables = hung(300_000)
    tables["pings"].append(ping(7, pong_frame=8))
    assert "ping-unanswered" not in diagnoses(**tables)
    # The peer that did not answer ended it.
    tables = hung(300_000)
    tables["connections"][0]["closed_by"] = "client"
    assert "ping-unanswered" not in diagnoses(**tables)
    # Bytes are missing: the pong may be among them.
    tables = hung(300_000)
    tables["connections"][0]["lost_bytes"] = 2
    assert "ping-unanswered" not in diagnoses(**tables)


# --- closes


def lost(**more: object) -> dict[str, list[Row]]:
    row = connection(0, close_code=1009, client_logs=1006, server_logs=1009, end_packet=13, **more)
    return {"connections": [row], "frames": [control(2, "close", "server", 3, close_code=1009)]}


def test_close_that_nobody_read() -> None:
    found = diagnoses(**lost())["close-lost"]
    assert (found.packet, found.evidence["code"]) == (12, 1009)
    assert found.evidence["packets"] == [12, 13]
    assert "sent Close 1009 on 1 connection, but the client" in found.text


def test_closes_that_arrived() -> None:
    assert "close-lost" not in diagnoses(**lost(**{"close_kind": "open"}))
    tables = lost()
    tables["connections"][0]["client_logs"] = 1009
    assert "close-lost" not in diagnoses(**tables)
    tables["connections"][0]["client_logs"] = None
    assert "close-lost" not in diagnoses(**tables)
    tables = lost()
    tables["frames"].append(control(3, "close", "client", 3.1, close_code=1009))
    assert "close-lost" not in diagnoses(**tables)


# --- resets


def test_reset_of_somebody_else() -> None:
    row = {"id": "tcp-reset-foreign", "severity": "warning", "connection": 0, "packet": 40}
    found = diagnoses(
        connections=[connection(0, close_kind="reset")],
        findings=[{**row, "text": "TTL 64, others 57.", "count": 1}],
    )["reset-injected"]
    assert found.packet == 40
    assert "TTL 64" in found.text
    assert "reset-injected" not in diagnoses(connections=[connection(0, close_kind="reset")])


def test_late_acknowledgement_is_acknowledged() -> None:
    assert diagnoses(**hung(500 * MS))["ping-unanswered"].evidence["acknowledged"] is True
