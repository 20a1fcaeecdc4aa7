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
         "matched_by": "key", "messages": 4, "transit_us_median": transit, "held_messages": 0}
        for hop in range(3)
        for side, transit in (("client", 4_200_000), ("server", 500_000))
    ]  # fmt: skip
    found = diagnoses(hops=rows)["two-legs"]
    assert (found.connections, found.connection) == (6, 0)
    assert "3 conversations are" in found.text
    assert "4.20 ms from the client and 500 µs from the server" in found.text
    assert diagnoses(hops=[]) == {}


def hop(number: int, near: int, far: int, side: str, **more: object) -> Row:
    row = {"hop": number, "connection_a": near, "connection_b": far, "direction": side}
    row |= {"matched_by": "key", "messages": 40, "transit_us_median": 90_000_000}
    return {**row, "held_messages": 0, "held_us_max": None, **more}


def test_two_hops_of_one_conversation_are_one_conversation() -> None:
    rows = [hop(0, 1, 0, "client"), hop(1, 2, 1, "client"), hop(2, 5, 4, "client")]
    assert "2 conversations are" in diagnoses(hops=rows)["two-legs"].text


def test_a_hop_that_collects() -> None:
    held = {"held_messages": 32, "held_us_max": 133_000_000}
    rows = [hop(0, 1, 0, "client"), hop(0, 1, 0, "server", **held)]
    found = diagnoses(hops=rows)["proxy-buffers"]
    assert (found.connections, found.connection, found.seconds) == (2, 1, 32 * 90_000_000)
    assert "between connections 1 and 0 held 32 of 40" in found.text
    assert "the longest 133 ms" in found.text
    # Now and then is no habit.
    for few in (9, 19):
        rows = [hop(0, 1, 0, "server", held_messages=few, held_us_max=50_000_000)]
        assert "proxy-buffers" not in diagnoses(hops=rows)


def test_events_that_came_together_by_their_own_times() -> None:
    row = {"group": 3, "kind": "sse", "path": "/log", "messages": 90, "timed_messages": 80}
    row |= {"held_messages": 60, "held_us_max": 2_500_000_000}
    found = diagnoses(http_groups=[row, {**row, "held_messages": 9, "timed_messages": 9}])
    (one,) = found.values()
    assert one.cause.id == "stream-held"
    assert one.text.startswith("60 of 80 events of an HTTP stream came together with later ones")
    assert "the longest waited 2.50 s" in one.text
    # One leg cannot tell a proxy from a server that batches.
    assert "the packets do not show whether in the server or in a proxy" in one.text
    assert (one.evidence["groups"], one.connections) == ([3], 0)
    assert diagnoses(http_groups=[{**row, "held_messages": 39}]) == {}
