"""What something between two points of capture made of a connection."""

from __future__ import annotations

from dataclasses import replace

from analyzer.tables.changes import changes
from analyzer.tables.talks import Talk
from analyzer.tables.timing import Endpoints

ENDS = Endpoints("192.0.2.1", 5000, "203.0.113.9", 443)
TALK = Talk(
    *(0, ENDS, "a2V5", "permessage-deflate"),
    {"host": "example.org", "cookie": "id=1", "sec-websocket-key": "a2V5"},
    {"server": "one"},
    ((0, 0), (0, 0)),
    (1460, 1460),
    (0, 0),
)


def found(other: Talk, **fields: bool) -> list[tuple[str, str, str, str]]:
    return [(each.what, each.name, each.near, each.far) for each in changes(TALK, other, **fields)]


def test_nothing_is_changed() -> None:
    assert found(TALK) == []


def test_addresses_of_nat() -> None:
    ends = Endpoints("198.51.100.7", 40001, "203.0.113.9", 443)
    expected = [("address", "client", "192.0.2.1:5000", "198.51.100.7:40001")]
    assert found(replace(TALK, ends=ends)) == expected


def test_a_clamped_mss() -> None:
    other = replace(TALK, mss=(1360, 1460))
    assert found(other) == [("mss", "client", "1460", "1360")]
    assert found(replace(TALK, mss=(0, 0))) == []  # its SYN was not captured


def test_fields_of_heads_and_no_secret_of_them() -> None:
    request = {"host": "example.org", "cookie": "id=2", "x-forwarded-for": "192.0.2.1"}
    assert found(replace(TALK, request=request)) == [
        ("request", "cookie", "...", "..."),
        ("request", "x-forwarded-for", "", "192.0.2.1"),
    ]
    assert found(replace(TALK, response={})) == []  # its head was not captured


def test_a_handshake_of_its_own_without_compression() -> None:
    other = replace(TALK, key="b3RoZXI=", extensions="")
    assert found(other) == [
        ("key", "Sec-WebSocket-Key", "a2V5", "b3RoZXI="),
        ("compression", "extensions", "permessage-deflate", ""),
    ]


def test_connections_are_in_the_order_of_the_captures() -> None:
    (change,) = changes(TALK, replace(TALK, connection=7, mss=(1360, 1460)), swapped=True)
    assert (change.connection_a, change.connection_b) == (7, 0)
    assert change.cells()[2:] == (5, "client", "1460", "1360")
