"""What the capture lacks, or holds twice: by its findings."""

from __future__ import annotations

import pytest
from oracle.diagnosed import connection, diagnoses
from oracle.rows import Row


def finding(id_: str, **more: object) -> Row:
    return {"id": id_, "severity": "note", "text": "35 packets are there twice.", **more}


@pytest.mark.parametrize(
    ("id_", "cause"),
    [("capture-seen-twice", "seen-twice"), ("packets-wrong-link-type", "wrong-link-type")],
)
def test_of_the_capture(id_: str, cause: str) -> None:
    found = diagnoses(findings=[finding(id_, packet=2)])[cause]
    assert (found.connections, found.packet) == (0, 2)
    assert found.text == "35 packets are there twice."


def test_of_connections() -> None:
    rows = [finding("tcp-one-direction", connection=n, packet=9 - n) for n in range(2)]
    found = diagnoses(connections=[connection(0), connection(1)], findings=rows)["one-direction"]
    assert (found.connections, found.connection, found.packet) == (2, 1, 8)


def test_other_findings_say_nothing_of_it() -> None:
    assert diagnoses(findings=[finding("packets-malformed", packet=2)]) == {}


def test_both_legs_of_a_proxy() -> None:
    rows = [
        {"hop": hop, "connection_a": 2 * hop, "connection_b": 2 * hop + 1, "direction": side,
         "matched_by": "key", "messages": 4, "transit_us_median": transit}
        for hop in range(3)
        for side, transit in (("client", 4_200_000), ("server", 500_000))
    ]  # fmt: skip
    found = diagnoses(hops=rows)["two-legs"]
    assert (found.connections, found.connection) == (6, 0)
    assert "3 conversations are" in found.text
    assert "4.20 ms from the client and 500 µs from the server" in found.text
    assert diagnoses(hops=[]) == {}
