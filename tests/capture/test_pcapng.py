"""pcapng files, the odd ones above all."""

import struct
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import captures
from oracle.captures import Packet, block, enhanced, interface, old_packet, option, section, simple

from analyzer.capture.pcapng import PcapngReader
from analyzer.errors import NotACaptureError
from analyzer.options import Options

US = 1_700_000_000_000_000
NS = US * 1000

ODD = (
    # Two interfaces of different link type and clock, then a section of the other
    # byte order, with a clock in powers of two and an offset, and blocks of all kinds.
    section()
    + interface(1)
    + interface(101, resolution=9)
    + enhanced(US + 1, b"first", 60)
    + block(0x0BAD, b"a custom block, of no maker")
    + enhanced(NS + 2, b"second", 70, 1)
    + section(big=True)
    + interface(113, 4, resolution=0x80 | 10, offset=1000, big=True)
    + interface(1, resolution=3, big=True)
    + enhanced(1024 * 5 + 512, b"third", big=True)
    + simple(b"four", 90, big=True)
    + old_packet(7, b"fifth", 1, big=True)
)
ODD_PACKETS = [
    Packet(NS + 1000, b"first", 60, 1),
    Packet(NS + 2, b"second", 70, 101),
    Packet(1005_500_000_000, b"third", 5, 113),
    Packet(None, b"four", 90, 113),
    Packet(7_000_000, b"fifth", 5, 1),
]


def read(file, options=None):
    reader = PcapngReader(options or Options())
    batches = [reader.push(file), reader.finish()]
    return captures.packets_of(batches), captures.findings_of(batches)


def ids(findings):
    return [id_ for id_, _ in findings]


def test_the_odd_file():
    packets, findings = read(ODD)
    assert packets == ODD_PACKETS
    assert findings == [("capture-no-time", "1")]
    assert captures.read_pcapng(ODD) == ODD_PACKETS


@pytest.mark.parametrize("big", [False, True])
def test_scapy_agrees_on_interfaces(tmp_path, big):
    # On one section: in a second one scapy still uses the interfaces of the first.
    from scapy.utils import RawPcapNgReader

    file = section(big=big) + interface(101, 4, big=big) + interface(1, resolution=9, big=big)
    file += enhanced(US, b"a", 60, big=big) + enhanced(NS, b"bcd", 70, 1, big=big)
    file += block(78, b"?", big=big) + enhanced(US + 9, b"", big=big)
    (tmp_path / "x").write_bytes(file)
    with RawPcapNgReader(str(tmp_path / "x")) as reader:
        theirs = [(d, m.linktype, m.wirelen, m.tshigh << 32 | m.tslow) for d, m in reader]
    ticks = [US, NS, US + 9]
    packets = read(file)[0]
    ours = [(p.payload, p.link_type, p.original, t) for p, t in zip(packets, ticks, strict=True)]
    assert theirs == ours


@pytest.mark.tshark
def test_tshark_agrees_on_times_where_it_has_them(tmp_path):
    (tmp_path / "odd").write_bytes(ODD)
    fields = [
        "-e",
        "frame.number",
        "-e",
        "frame.cap_len",
        "-e",
        "frame.len",
        "-e",
        "frame.time_epoch",
    ]
    told = subprocess.run(
        ["tshark", "-r", tmp_path / "odd", "-T", "fields", *fields],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    # tshark lists the custom block as a frame of its own; so packet 2 is missing here.
    rows = PcapngReader().push(ODD).rows
    assert len(told) == len(ODD_PACKETS) + 1
    told = {line.split("\t")[0]: line.split("\t")[1:] for line in told}
    for row, packet in zip(rows, ODD_PACKETS, strict=True):
        captured, original, time = told[str(row["packet"])]
        assert (captured, original) == (str(len(packet.payload)), str(packet.original))
        if packet.time is not None:
            seconds, _, fraction = time.partition(".")
            assert int(seconds) * 10**9 + int(fraction.ljust(9, "0")) == packet.time


@pytest.mark.tshark
@pytest.mark.parametrize("kind", [4, 9, 77, 0xBAD, 0x40000BAD, 0x80000001])
def test_blocks_take_a_packet_number_where_they_do_in_tshark(tmp_path, kind):
    body = b"\0\0\0\0" if kind == 4 else b"__REALTIME_TIMESTAMP=1404101101501873\nMESSAGE=a\n"
    file = section() + interface() + block(kind, body) + enhanced(0, b"last" * 16)
    (tmp_path / "x").write_bytes(file)
    command = ["tshark", "-r", tmp_path / "x", "-T", "fields", "-e", "frame.number"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert str(PcapngReader().push(file).rows["packet"][0]) == told[-1]


def test_simple_packets_are_cut_by_the_snap_length():
    file = section() + interface(1, 3) + simple(b"abc", 10) + simple(b"ab", 2)
    assert [p.payload for p in read(file)[0]] == [b"abc", b"ab"]


def test_a_packet_of_no_interface_is_skipped_and_counted():
    file = section() + enhanced(0, b"a") + simple(b"b") + old_packet(0, b"c")
    file += interface() + enhanced(0, b"d", number=1) + enhanced(0, b"e")
    packets, findings = read(file)
    assert [p.payload for p in packets] == [b"e"]
    assert ids(findings) == ["capture-skipped"]
    assert findings[0][1].startswith("4 packets")


def test_a_packet_longer_than_its_block_is_skipped_and_counted():
    file = section() + interface() + enhanced(0, b"abcd", captured=5) + enhanced(0, b"e")
    packets, findings = read(file)
    assert [p.payload for p in packets] == [b"e"]
    assert ids(findings) == ["capture-skipped"]


def test_interfaces_of_an_earlier_section_are_forgotten():
    file = section() + interface() + section() + enhanced(0, b"a")
    assert ids(read(file)[1]) == ["capture-empty", "capture-skipped"]


def test_interfaces_are_bounded():
    file = section() + interface(1) + interface(2) + interface(3)
    file += enhanced(0, b"a", number=1) + enhanced(0, b"b", number=2)
    packets, findings = read(file, Options(max_interfaces=2))
    assert [p.link_type for p in packets] == [2]
    assert ids(findings) == ["capture-skipped"]


@pytest.mark.parametrize(
    "damage",
    [
        struct.pack("<II", 6, 30) + bytes(30),  # not a multiple of 4
        struct.pack("<II", 77, 8) + bytes(30),  # below 12
        struct.pack("<II", 77, 2**31) + bytes(30),  # above the limit
        enhanced(0, b"abcd")[:-4] + bytes(4),  # the two lengths differ
        block(77, b"abcd")[:-4] + bytes(4),
        block(0x0A0D0D0A, bytes(16)),  # no byte order
        section(major=2),
    ],
)
def test_damage_keeps_what_came_before_and_stops(damage):
    good = section() + interface() + enhanced(0, b"good")
    packets, findings = read(good + damage + good)
    assert [p.payload for p in packets] == [b"good"]
    assert ids(findings) == ["capture-damaged"]
    assert f"at byte {len(good)}, behind packet 1" in findings[0][1]


def test_a_cut_block():
    good = section() + interface() + enhanced(0, b"good")
    packets, findings = read(good + enhanced(0, b"cut")[:-1])
    assert len(packets) == 1
    assert ids(findings) == ["capture-cut"]


@pytest.mark.parametrize(
    "head",
    [block(0x0A0D0D0A, bytes(16)), section(major=2), section()[:-4] + bytes(4), enhanced(0, b"a")],
)
def test_a_bad_head_is_refused(head):
    with pytest.raises(NotACaptureError):
        read(head)


def test_no_packets_is_an_empty_capture():
    assert read(section() + interface()) == ([], [("capture-empty", "")])


def test_the_last_count_of_drops_per_interface_is_told():
    def statistics(number, drops):
        return block(5, struct.pack("<III", number, 0, 0) + option(5, struct.pack("<Q", drops)))

    file = section() + interface() + interface() + enhanced(0, b"a")
    file += statistics(0, 3) + statistics(0, 10) + statistics(1, 5) + statistics(9, 99)
    assert read(file + file)[1] == [("capture-drops", "30 of all interfaces")]
    # No drops, no finding.
    assert read(section() + interface() + enhanced(0, b"a") + statistics(0, 0))[1] == []


def test_tls_key_logs_are_kept_within_bounds():
    def secret(text, kind=0x544C534B):
        return block(10, struct.pack("<II", kind, len(text)) + text)

    reader = PcapngReader(Options(max_secret_bytes=10))
    reader.push(section() + secret(b"one") + secret(b"other", 0x57474B4C) + secret(b"three"))
    reader.push(secret(b"too long") + secret(b"4"))
    assert reader.secrets == [b"one", b"three", b"4"]


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([0, 3, 6, 9, 12, 30, 127, 128, 138, 160, 255]),
    st.sampled_from([0, 1, -(10**9), 2**40, -(2**63)]),
    st.integers(0, 2**64 - 1) | st.integers(0, 2**55),
    st.booleans(),
)
def test_any_clock_agrees_with_the_twin(resolution, offset, ticks, big):
    file = section(big=big) + interface(1, 0, resolution, offset, big=big)
    file += enhanced(ticks, b"a", big=big) + old_packet(ticks, b"b", big=big)
    packets = read(file)[0]
    assert packets == captures.read_pcapng(file)
    assert len(packets) == 2


@settings(max_examples=150, deadline=None)
@given(st.integers(28, len(ODD)), st.binary(min_size=1, max_size=6), st.integers(28, len(ODD)))
def test_mutated_files_agree_with_the_twin(at, mutation, length):
    file = (ODD[:at] + mutation + ODD[at + len(mutation) :])[:length]
    assert read(file)[0] == captures.read_pcapng(file)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=40))
def test_any_head_is_read_or_refused(head):
    for start in (b"", section()[:4], section()[:12]):
        file = start + head
        try:
            found = read(file)[0]
        except NotACaptureError:
            continue
        assert found == captures.read_pcapng(file)


def test_blocks_too_short_for_their_fields_do_no_harm():
    file = section() + interface() + block(2, b"1234") + block(6, b"1234")
    file += block(5, b"1234") + block(10, b"1234") + enhanced(0, b"a")
    packets, findings = read(file)
    assert [p.payload for p in packets] == [b"a"]
    assert findings == [("capture-skipped", "2 packets are longer than the block around them")]


def test_many_old_packets_in_one_piece():
    file = section() + interface() + b"".join(old_packet(i, b"x") for i in range(500))
    assert [p.time for p in read(file)[0]] == [i * 1000 for i in range(500)]


def test_packets_stored_longer_than_they_were_have_their_original_length():
    file = (
        section()
        + interface(1)
        + enhanced(US, b"sound", 5)
        + enhanced(US, b"and a trailer", 3)
        + old_packet(US, b"old")
        + section(big=True)
        + interface(1, big=True)
        + enhanced(US, b"and a trailer", 4, big=True)
    )
    reader = PcapngReader(Options())
    batch = reader.push(file)
    assert batch.rows["captured"].tolist() == [5, 3, 3, 4]
    assert batch.rows["original"].tolist() == [5, 3, 3, 4]
    (found,) = reader.finish().findings
    assert (found.kind.id, found.packet, found.count) == ("packets-captured-too-long", 2, 2)
