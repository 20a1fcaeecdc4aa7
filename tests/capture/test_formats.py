"""Formats by their first bytes."""

import pytest

from analyzer.capture.formats import refusal, sniff


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("a1b2c3d4", "pcap"),
        ("d4c3b2a1", "pcap"),
        ("a1b23c4d", "pcap"),
        ("4d3cb2a1", "pcap"),
        ("0a0d0d0a", "pcapng"),
        ("1f8b08", "gzip"),
        ("28b52ffd", "zstd"),
        ("502a4d18", "zstd"),
        ("a1b2cd34", ""),
        ("34cdb2a1", ""),
        ("", ""),
    ],
)
def test_sniff(head, expected):
    assert sniff(bytes.fromhex(head)) == expected


@pytest.mark.parametrize(
    ("head", "word", "hint"),
    [
        (bytes.fromhex("a1b2cd34") + bytes(20), "modified pcap", "editcap"),
        (bytes.fromhex("cd34b2a1")[::-1], "modified pcap", "editcap"),
        (b"snoop\0\0\0\0\0\0\2", "snoop", "editcap"),
        (b"GMBU\0\0", "Network Monitor", "editcap"),
        (b'{"log": {"version"', "HAR", "no packets"),
        (b"\xef\xbb\xbf[1]", "JSON", "no packets"),
        (b"<?xml version", "XML", "tcpdump"),
        (b"12:00:01 IP a > b", "text", "printed"),
        (b"\xfd7zXZ\0", "xz", "decompress"),
        (b"\x00\x01\x02\x03", "00 01 02 03", "tcpdump"),
        (b"", "is empty", "tcpdump"),
    ],
)
def test_refusal_names_the_likely_kind_and_a_way_out(head, word, hint):
    error = refusal(head, "x.bin")
    assert "x.bin" in str(error)
    assert word in str(error)
    assert hint in (error.hint or "")


def test_a_magic_cut_short_is_not_taken_for_something_else():
    assert "ends within its first 2 bytes" in str(refusal(b"\xd4\xc3"))
