"""Classic pcap files."""

import io
import random
import struct
import subprocess

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import captures

from analyzer.capture.pcap import PcapReader
from analyzer.errors import NotACaptureError
from analyzer.options import Options

PACKETS = [(1_700_000_000_000_001_000 + i * 999_000, bytes([i]) * i, i + 5) for i in range(20)]


def read(file, options=None):
    reader = PcapReader(options or Options())
    batches = [reader.push(file), reader.finish()]
    return captures.packets_of(batches), captures.findings_of(batches)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_all_four_magics(big, nanoseconds):
    file = captures.pcap(PACKETS, big=big, nanoseconds=nanoseconds, link_type=101)
    packets, findings = read(file)
    assert packets == [captures.Packet(t, p, n, 101) for t, p, n in PACKETS]
    assert findings == []


def test_dpkt_agrees():
    file = captures.pcap(PACKETS)
    expected = [payload for _, payload in dpkt.pcap.Reader(io.BytesIO(file))]
    assert [packet.payload for packet in read(file)[0]] == expected


def test_checksum_length_is_not_part_of_the_link_type():
    # f bit and a frame check sequence of two 16-bit words: 0x24000001 is Ethernet.
    assert read(captures.pcap(PACKETS[:1], link_type=0x24000001))[0][0].link_type == 1


def test_a_head_alone_is_an_empty_capture():
    assert read(captures.pcap([])) == ([], [("capture-empty", "")])


@pytest.mark.parametrize("left", [1, 15, 16, 30])
def test_a_cut_record(left):
    file = captures.pcap([(0, b"a" * 10, 10), (0, b"b" * 20, 20)])
    packets, findings = read(file[: 24 + 26 + left])
    assert len(packets) == 1
    where = f"at byte 50, behind packet 1, where {left} bytes are left"
    assert findings == [("capture-cut", where)]


def test_a_cut_head():
    assert read(captures.pcap([])[:20]) == (
        [],
        [("capture-cut", "the file head of 24 bytes has only 20")],
    )


def test_an_impossible_length_ends_reading_but_keeps_what_came_before():
    bad = struct.pack("<IIII", 0, 0, 2**27, 2**27)
    file = captures.pcap([(0, b"abc", 3)]) + bad + captures.pcap([(0, b"d", 1)])[24:]
    packets, findings = read(file)
    assert [packet.payload for packet in packets] == [b"abc"]
    assert findings == [
        ("capture-damaged", "at byte 43, behind packet 1, where a record claims 134217728 bytes")
    ]


def test_a_last_record_beyond_file_and_snap_length_is_damage_not_a_cut():
    file = captures.pcap([(0, b"abc", 3)]) + struct.pack("<IIII", 0, 0, 300_000, 300_000)
    assert read(file)[1][0][0] == "capture-damaged"
    with_long_snaplen = captures.pcap([], snaplen=400_000) + file[43:]
    assert read(with_long_snaplen)[1][0][0] == "capture-cut"


@pytest.mark.parametrize("version", [(1, 0), (2, 3), (543, 0), (3, 4)])
def test_other_versions_are_refused(version):
    with pytest.raises(NotACaptureError, match=rf"version {version[0]}\.{version[1]}") as error:
        read(captures.pcap([], version=version))
    assert "editcap" in error.value.hint


def test_another_magic_is_refused():
    with pytest.raises(NotACaptureError, match="modified pcap"):
        read(b"\x34\xcd\xb2\xa1" + captures.pcap([])[4:])


@settings(max_examples=80, deadline=None)
@given(st.integers(24, 700), st.binary(min_size=1, max_size=8), st.integers(0, 900))
def test_mutated_files_agree_with_the_twin(at, mutation, length):
    file = captures.pcap(PACKETS)
    file = (file[:at] + mutation + file[at + len(mutation) :])[: max(24, length)]
    assert read(file)[0] == captures.read_pcap(file)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=24), st.randoms(use_true_random=False))
def test_any_head_is_read_or_refused(head, rng: random.Random):
    file = head + captures.pcap(PACKETS, big=rng.random() < 0.5)[len(head) :]
    try:
        read(file[: rng.randrange(400)])
    except NotACaptureError as error:
        assert str(error).endswith(".")  # noqa: PT017


@pytest.mark.tshark
def test_tshark_agrees_on_times_and_lengths(tmp_path):
    file = captures.pcap(PACKETS, big=True, nanoseconds=True)
    (tmp_path / "x.pcap").write_bytes(file)
    fields = ["-e", "frame.time_epoch", "-e", "frame.cap_len", "-e", "frame.len"]
    told = subprocess.run(
        ["tshark", "-r", tmp_path / "x.pcap", "-T", "fields", *fields],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    ours = [
        word
        for p in read(file)[0]
        for word in (f"{p.time // 10**9}.{p.time % 10**9:09}", str(len(p.payload)), str(p.original))
    ]
    assert told == ours
