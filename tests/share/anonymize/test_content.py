"""The spool: bytes by direction and offset."""

from __future__ import annotations

from pathlib import Path

import pytest

import analyzer
from analyzer import pipeline
from analyzer.options import Options
from analyzer.share.anonymize.content import FalseContent, Spool
from analyzer.share.anonymize.stream import File
from analyzer.share.flows import Flows
from analyzer.share.pcapng import PcapngWriter

CAPTURES = Path(__file__).parents[3] / "captures"


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


@pytest.mark.parametrize("total", [200, 1 << 20])
def test_what_waits_is_bounded_for_all_together(total: int, tmp_path: Path) -> None:
    """Compressed messages of two packets wait for their ends; all but their content stays."""
    old, new = CAPTURES / "npm-ws-deflate-takeover.pcap", tmp_path / "new.pcapng"
    options = Options(max_anonymized_held_bytes_total=total)
    pipeline.run(old, options, [PcapngWriter(new, [old], options, anonymize=True)])
    one, other = (analyzer.analyze(path, alternatives=False) for path in (old, new))
    (said,) = other.findings.query("id == 'capture-anonymized'")["text"]
    assert ("waited for too long" in said) == (total < 1 << 20)
    assert one.ledger.equals(other.ledger)
    lengths = ["connection", "direction", "opcode", "payload_bytes", "packet_last"]
    assert one.frames[lengths].equals(other.frames[lengths])
