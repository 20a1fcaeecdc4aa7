"""Simple filters, against what libpcap makes of the same expressions."""

import random
import struct

import pytest
from oracle.bpf import accepted

from analyzer.capture import filters
from analyzer.capture.filter_compiler import MAX_INSTRUCTIONS, compile_simple

A, B, C = bytes([10, 1, 2, 3]), bytes([192, 168, 7, 9]), bytes([10, 200, 0, 1])
A6, B6 = bytes.fromhex("20010db8000000010000000000000005"), bytes.fromhex("fe80" + "00" * 13 + "09")

SIMPLE = [
    "tcp",
    "udp",
    "sctp",
    "ip",
    "ip6",
    "not tcp",
    "! ip6",
    "port 80",
    "src port 80",
    "dst port 8080",
    "tcp port 80",
    "tcp port 80 or 8080",
    "tcp port 80 or port 8080",
    "tcp src port 8080 or udp dst port 53",
    "tcp or udp port 53",
    "udp port 53 or tcp",
    "not port 80 and 8080",
    "not (port 80 or port 8080)",
    "not(port 80||port 8080)&&ip",
    "host 10.1.2.3",
    "src host 10.1.2.3",
    "dst 10.1.2.3",
    "host 10.1.2.3 or 192.168.7.9",
    "host 10.1.2.3 and not 192.168.7.9",
    "host 2001:db8:0:1::5",
    "src host fe80::9 or dst host fe80::9",
    "net 10.0.0.0/8",
    "net 10.128.0.0/9",
    "src net 192.168.7.8/31",
    "net 0.0.0.0/0",
    "net 2001:db8::/33",
    "dst net fe80::/10",
    "not net 10.0.0.0/8",
    "tcp port 80 and host 10.1.2.3 or host 2001:db8:0:1::5",
    "tcp and (port 80 or port 53) and not (src host 10.1.2.3 or net 192.168.0.0/16)",
    "ip6 or tcp and port 80",
    "ip6 or (tcp and port 80)",
]
LIBPCAP_ONLY = [
    "port http",
    "port 0x50",
    "portrange 80-90",
    "tcp portrange 80-90",
    "net 10",
    "host name.example.test",
    "tcp[13] & 2 != 0",
    "vlan and tcp",
    "src or dst port 80",
    "ip host 10.1.2.3",
    "greater 100",
    "icmp",
]
NOT_FILTERS = [
    "tcp port",
    "port 65536",
    "port 080",
    "tcp and",
    "(tcp",
    "tcp)",
    "host 10.1.2.3/24",
    "net 10.1.2.3/8",
    "src net 10.0.0.0",
    "tcp | udp",
    "tcp & udp",
    "80",
    "tcp or 80",
    "()",
    "not",
    "",
]


def ethernet(ethertype: int, content: bytes) -> bytes:
    return b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02" + struct.pack(">H", ethertype) + content


def packets() -> list[bytes]:
    """Each kind of packet that a filter tells apart, from ports and addresses that filters name."""
    randomness = random.Random(11)
    ports = (80, 8080, 53, 443)
    made = []
    for protocol in (6, 17, 132, 1, 44):
        for _ in range(40):
            pair = struct.pack(">HH", *randomness.choices(ports, k=2))
            body = pair + bytes([6, 0, 0, 0]) + bytes(20)
            options = randomness.choice((0, 0, 4, 40))
            fragment = randomness.choice((0, 0, 0x4000, 0x2000, 0x2005, 1))
            source, destination = randomness.choices((A, B, C), k=2)
            made.append(
                ethernet(
                    0x0800,
                    struct.pack(
                        ">BBHHHBBH", 0x45 + options // 4, 0, 60, 1, fragment, 64, protocol, 0
                    )
                    + source
                    + destination
                    + bytes(options)
                    + body,
                )
            )
            source, destination = randomness.choices((A6, B6, A6[:4] + b"\x80" + A6[5:]), k=2)
            following = bytes([randomness.choice((6, 17, 1))]) + bytes(7)
            made.append(
                ethernet(
                    0x86DD,
                    struct.pack(">IHBB", 6 << 28, 40, protocol, 64)
                    + source
                    + destination
                    + (following if protocol == 44 else b"")
                    + body,
                )
            )
    for ethertype in (0x0806, 0x8035):
        header = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1)
        made += [
            ethernet(ethertype, header + bytes(6) + source + bytes(6) + target + bytes(18))
            for source in (A, B, C)
            for target in (A, B, C)
        ]
    made += [ethernet(0x88CC, bytes(60)), ethernet(0x0026, b"\xaa\xaa\x03" + bytes(60))]
    return made


@pytest.mark.parametrize("link_type", [filters.ETHERNET, filters.RAW_IP])
@pytest.mark.parametrize("expression", SIMPLE)
def test_as_libpcap_compiles_it(expression, link_type):
    pcapy = pytest.importorskip("pcapy", reason="the libpcap to compare with is pcapy-ng's")
    theirs = pcapy.compile(filters._DLT[link_type], filters.SNAP_BYTES, expression, 1, 0).get_bpf()
    own = compile_simple(
        expression, ethernet=link_type == filters.ETHERNET, snap_bytes=filters.SNAP_BYTES
    )
    assert own is not None
    assert len(own) <= MAX_INSTRUCTIONS
    for frame in packets():
        packet = frame if link_type == filters.ETHERNET else frame[14:]
        assert accepted(own, packet) == accepted(theirs, packet), packet.hex()


@pytest.mark.parametrize("expression", SIMPLE)
def test_the_packets_tell_expressions_apart(expression):
    program = compile_simple(expression, ethernet=True, snap_bytes=100)
    assert {accepted(program, packet) for packet in packets()} == {0, 100}


@pytest.mark.parametrize("expression", SIMPLE)
def test_tags_change_nothing(expression):
    program = compile_simple(expression, ethernet=True, snap_bytes=100)
    other = accepted(program, ethernet(0x88CC, bytes(60)))
    for frame in packets()[::7]:
        for tags in (b"\x81\x00\x00\x05", b"\x88\xa8\x00\x05\x81\x00\x00\x07"):
            tagged = frame[:12] + tags + frame[12:]
            assert accepted(program, tagged) == accepted(program, frame)
        assert accepted(program, frame[:12] + b"\x81\x00\x00\x05" * 3 + frame[12:]) == other


@pytest.mark.parametrize("expression", LIBPCAP_ONLY)
def test_the_rest_is_left_to_libpcap(expression):
    assert compile_simple(expression, ethernet=True, snap_bytes=100) is None


@pytest.mark.parametrize("expression", NOT_FILTERS)
def test_what_libpcap_refuses_is_not_compiled(expression):
    assert compile_simple(expression, ethernet=True, snap_bytes=100) is None
    pcapy = pytest.importorskip("pcapy", reason="the libpcap to compare with is pcapy-ng's")
    if expression in ("", "port 080", "src net 10.0.0.0"):
        return  # libpcap takes these: all packets, an octal number, a mask by the address's zeros
    with pytest.raises(pcapy.PcapError):
        pcapy.compile(1, 100, expression, 1, 0)


@pytest.mark.parametrize("count", [20, 29])
def test_jumps_beyond_eight_bits(count):
    pcapy = pytest.importorskip("pcapy", reason="the libpcap to compare with is pcapy-ng's")
    many = " or ".join(f"port {number}" for number in (*range(100, 100 + count), 80))
    own = compile_simple(many, ethernet=True, snap_bytes=filters.SNAP_BYTES)
    assert own is not None
    assert all(max(true, false) <= 255 for _, true, false, _ in own)
    theirs = pcapy.compile(1, filters.SNAP_BYTES, many, 1, 0).get_bpf()
    for packet in packets():
        assert accepted(own, packet) == accepted(theirs, packet), packet.hex()


def test_a_program_that_the_kernel_would_refuse_is_left_to_libpcap():
    many = " or ".join(f"net 2001:db8:{number:x}::/64" for number in range(1, 200))
    assert compile_simple(many, ethernet=True, snap_bytes=100) is None


def test_packets_that_end_early_are_refused():
    program = compile_simple("tcp port 80 or host 10.1.2.3", ethernet=True, snap_bytes=100)
    whole = packets()[0]
    for size in range(14, 30):
        assert accepted(program, whole[:size]) == 0
