"""Objects that cross: those that come again are one, and keys stay where they are."""

from __future__ import annotations

import numpy as np

from analyzer import findings
from analyzer.findings import Finding
from analyzer.http.exchanges import Handshake
from analyzer.inside.fanout import Deliveries
from analyzer.inside.labels import Label, Labels
from analyzer.names.stage import Lookup
from analyzer.shards.packing import Packer, Unpacker
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.negotiation import Negotiation


def crossed(packer: Packer, unpacker: Unpacker, item: object) -> object:
    return unpacker.unpack(bytearray().join(packer.pack(item)))


def test_a_connection_that_ends_is_the_one_that_opened() -> None:
    packer, unpacker = Packer(), Unpacker()
    shake = Handshake(5, 0, host="a.example")
    connection = WebSocketConnection(3, 5, 0, shake, Negotiation.unknown(), 17)
    opened, again = crossed(packer, unpacker, [connection, connection])  # type: ignore[misc]
    assert opened is again
    assert (opened.connection, opened.slot, opened.opened_at) == (3, 5, 17)
    assert opened.handshake.host == "a.example"
    connection.lost_bytes = 9
    (ended,) = crossed(packer, unpacker, [connection])  # type: ignore[misc]
    assert ended is opened
    assert opened.lost_bytes == 9
    unpacker.forget(opened)
    (other,) = crossed(packer, unpacker, [connection])  # type: ignore[misc]
    assert other is not opened


def test_kinds_of_findings_are_those_declared() -> None:
    made = crossed(Packer(), Unpacker(), Finding(findings.TCP_LOST, 3, 7, -1, 12, 2, 6, "RFC"))
    assert made == Finding(findings.TCP_LOST, 3, 7, -1, 12, 2, 6, "RFC")
    assert made.kind is findings.TCP_LOST  # type: ignore[attr-defined]


def test_what_grows_with_a_run_goes_in_pieces() -> None:
    packer, unpacker = Packer(), Unpacker()
    labels, topics = Labels(10), ["a"]
    labels.number(Label("x", "event"))
    rows = np.arange(6, dtype=np.int64).reshape(1, 6)
    first, deliveries = crossed(packer, unpacker, (labels, Deliveries(topics, rows)))  # type: ignore[misc]
    assert first.known == labels.known
    labels.number(Label("y", "event"))
    topics.append("b")
    size = len(bytearray().join(packer.pack((Labels(3), Deliveries(topics, rows)))))
    assert size < 1000
    second, _ = crossed(packer, unpacker, (labels, 0))  # type: ignore[misc]
    assert second is first
    assert second.known == labels.known
    assert deliveries.rows.tolist() == rows.tolist()


def test_a_look_up_that_comes_again_is_the_same() -> None:
    packer, unpacker = Packer(), Unpacker()
    lookup = Lookup("10.0.0.1", "a.example", queries=[(1, 10)])
    first = crossed(packer, unpacker, lookup)
    lookup.answers.append((2, 20, ("10.0.0.2",)))
    assert crossed(packer, unpacker, lookup) is first
    assert first == lookup


def test_arrays_are_writable_and_aligned() -> None:
    rows = np.zeros(5, [("a", "<i8"), ("b", "u1")])
    rows["a"] = range(5)
    word, made = crossed(Packer(), Unpacker(), ("odd", rows))  # type: ignore[misc]
    assert word == "odd"
    assert made.tolist() == rows.tolist()
    assert made.ctypes.data % 8 == 0
    made["a"] = 1
