"""Blocks to be written: read back by tshark, and by the twin of the reader."""

from __future__ import annotations

from pathlib import Path

from oracle import captures
from oracle.tshark import fields

from analyzer.capture import pcapng_blocks as blocks
from analyzer.capture.pcapng import PcapngReader
from analyzer.capture.records import Interface


def test_tshark_reads_interfaces_times_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    path.write_bytes(
        blocks.section("a section")
        + blocks.interface(Interface(1, 65_535, b"eth7", b"the left one"))
        + blocks.interface(Interface(101, 0, b"tun0"))
        + blocks.packet(0, 1_767_323_045_123_456_789, 60, bytes(20), ["one", "zw\u00f6lf"])
        + blocks.packet(1, 5, 3, b"abc", [])
    )
    names = ("frame.time_epoch", "frame.interface_name", "frame.interface_description")
    assert fields(path, "frame", *names, "frame.len", "frame.cap_len", "frame.comment") == [
        ["1767323045.123456789", "eth7", "the left one", "60", "20", "one,zw\u00f6lf"],
        ["0.000000005", "tun0", "", "3", "3", ""],
    ]


def test_a_comment_is_cut_between_characters() -> None:
    block = blocks.packet(0, 0, 1, b"x", ["\u20ac" * 30_000])
    length = int.from_bytes(block[28 + 4 + 2 : 28 + 4 + 4], "little")
    assert length == 65_535  # 21,845 characters of three bytes
    assert block[28 + 8 : 28 + 8 + length].decode() == "\u20ac" * 21_845


def test_times_before_1970_are_written_as_zero() -> None:
    data = blocks.section() + blocks.interface(Interface(1, 0)) + blocks.packet(0, -5, 1, b"x", [])
    assert [each.time for each in captures.read_pcapng(data)] == [0]


def test_the_reader_finds_the_secrets() -> None:
    reader = PcapngReader()
    reader.push(blocks.section() + blocks.secrets(b"CLIENT_RANDOM x"))
    assert reader.secrets == [b"CLIENT_RANDOM x"]
