"""Comments: what rows say of packets, in order."""

from __future__ import annotations

from oracle.rows import Row, table_rows

from analyzer.share.comments import MAX_ON_PACKET, Comments
from analyzer.tables import schema

MESSAGE: Row = {
    **{"connection": 0, "message": 3, "direction": "client", "type": "text", "payload_bytes": 57},
    **{"transfer_bytes": 40, "wire_bytes": 150, "compressed": True, "packet_first": 9},
    **{"delivery_us": 26_000_000, "stall_us": 25_000_000, "reply_us": 1_500_000},
    **{"inner": "socket.io", "kind": "event", "name": "chat"},
}


def comments(*tables: tuple[str, list[Row]], names: bool = True) -> dict[int, list[str]]:
    """Return the comments by packet."""
    made = Comments(names=names)
    for name, rows in tables:
        made.take(table_rows(schema.BY_NAME[name], rows))
    made.settle()
    found = {packet: made.at(packet) for packet in made.packets(0, 100)}
    assert made.at(99) == []
    made.close()
    return found


def test_a_message() -> None:
    assert comments(("messages", [MESSAGE]))[9] == [
        "message 3 of connection 0: client text, 57 B of payload, 40 B compressed, 150 B on the "
        "wire, delivered in 26.0 ms, 25.0 ms waiting for lost bytes, answers after 1.50 ms, "
        "socket.io event chat"
    ]


def test_a_call_stands_at_both_packets() -> None:
    row = {
        **{"call": 2, "name": "add", "caller": "client", "outcome": "ok", "reply_us": 3_000_000},
        **{"request_packet": 4, "reply_packet": 6},
    }
    made = comments(("calls", [row]))
    assert made[4] == ["call 2, add: request of the client, ok"]
    assert made[6] == ["call 2, add: ok after 3.00 ms"]
    assert sorted(made) == [4, 6]


def test_findings_and_diagnoses_with_their_text_or_only_their_names() -> None:
    finding = {"id": "x-y", "severity": "error", "packet": 1, "text": "Bad.", "rfc": "RFC 1 2"}
    diagnosis = {"id": "late", "severity": "note", "packet": 1, "text": "Was.", "advice": "Do."}
    rows = (("findings", [finding]), ("diagnoses", [diagnosis]))
    assert comments(*rows)[1] == [
        "finding x-y (error): Bad. [RFC 1 2]",
        "diagnosis late (note): Was. Do.",
    ]
    assert comments(*rows, names=False)[1] == [
        "finding x-y (error) [RFC 1 2]",
        "diagnosis late (note)",
    ]


def test_without_names_nothing_of_traffic_is_said() -> None:
    (text,) = comments(("messages", [MESSAGE]), names=False)[9]
    assert "chat" not in text
    assert "socket" not in text


def test_hostile_names_are_made_harmless() -> None:
    (text,) = comments(("messages", [{**MESSAGE, "name": "a\x1b[2J\u202e\0"}]))[9]
    assert text.endswith("event a\\x1b[2J\\u202e\\x00")


def test_a_packet_has_a_bounded_number() -> None:
    rows = [{**MESSAGE, "message": number} for number in range(100)]
    made = comments(("messages", rows))
    assert len(made[9]) == MAX_ON_PACKET + 1
    assert made[9][-1] == f"and {100 - MAX_ON_PACKET} more"


def test_what_has_no_packet_has_no_comment() -> None:
    row = {"id": "x", "severity": "note", "packet": None, "text": "."}
    assert comments(("findings", [row])) == {}
