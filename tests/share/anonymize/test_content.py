"""The spool: bytes by direction and offset."""

from __future__ import annotations

from analyzer.share.anonymize.content import FalseContent, Spool
from analyzer.share.anonymize.stream import File
from analyzer.share.flows import Flows


def test_pieces_are_found_by_offset() -> None:
    spool = Spool()
    spool.add(3, 0, b"abc")
    spool.add(3, 3, b"def")
    spool.add(4, 0, b"xyz")
    spool.add(3, 10, b"klm")
    assert list(spool.read(3, 2, 5)) == [(2, b"cde")]
    assert list(spool.read(3, 4, 12)) == [(4, b"ef"), (10, b"kl")]
    assert list(spool.read(5, 0, 9)) == []
    spool.close()


def test_what_is_not_known_is_noise() -> None:
    content = FalseContent(File(bytes(32)), Flows([]))
    content._bases[0] = 0xFFFFFFF0  # the numbers run over within the stream
    content._spool.add(0, 0, bytes(100))
    assert content.payload(0, 0xFFFFFFF0, 20) == bytes(20)
    assert content.payload(0, 4, 8) == bytes(8)
    # Sent again: from before the first byte on.
    again = content.payload(0, 0xFFFFFFEE, 6)
    assert again[2:] == bytes(4)
    assert again[:2] != bytes(2)
    assert len(content.payload(7, 1, 50)) == 50
    content.close()
